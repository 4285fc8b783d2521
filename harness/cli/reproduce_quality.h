#pragma once
/// Tables of quality: models asked the same questions under several patterns.
#include "harness/cli/result_output.h"
#include "harness/plan/run_plan.h"

namespace dsabench {

/// Contexts of tables of answers, where none are given.
inline constexpr const char* kQualityContext = "512";

/// The request for --model on one device; throws InvalidArgument where none was given.
ModelRequest checkpoint_request(const ReproduceOptions& options);

/// The plan of a table but for its sweep. Throws as validate does.
RunPlan begin_reproduction(const ReproduceOptions& options, const ModelRequest& request);

/// table2, table5: searches patterns, and asks under dense attention, all F, uniform and found
/// ones.
ExitCode reproduce_quality(const ReproduceOptions& options, const ResultOutput& output,
                           const Invocation& invocation);

/// table3: asks the base model and then each that was trained for a pattern, a run each, and writes
/// their table. Ends with the first run that is not whole: what it wrote stays, and once it is gone
/// on with `--run` prints the table.
ExitCode reproduce_trained(const ReproduceOptions& options, const ResultOutput& output,
                           const Invocation& invocation);

}  // namespace dsabench
