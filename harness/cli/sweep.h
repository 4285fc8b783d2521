#pragma once
#include "harness/cli/result_output.h"
#include "harness/cli/verbs.h"
#include "harness/plan/sweep_plan.h"

namespace dsabench {

/// Of --dtype on a device. Throws InvalidArgument for a type that the device does not take.
DType to_dtype(const std::string& text, Device device);
/// Turns model options into a request. Throws InvalidArgument for a malformed --set, --picks,
/// --device or --dtype. Whether the device is there shows when the model is loaded.
ModelRequest to_request(const ModelOptions& options);
std::optional<Dialect> to_dialect(const ModelOptions& options);
std::vector<Retention> parse_retentions(const std::string& text);  ///< empty text: none
/// Axes with what model options fix: patterns, picks, seeds.
SweepAxes axes_for(const ModelConfig& config, const ModelRequest& request);

/// The cells as a table, for --dry-run.
Table plan_table(const ModelConfig& config, const SweepPlan& plan);

/// Loads the model, runs the plan, and writes the tables: what demo and run do once they know what
/// to measure.
ExitCode run_sweep(const ModelRequest& request, const SweepPlan& plan,
                   const RunControlOptions& control, const ResultOutput& output,
                   const Invocation& invocation);

}  // namespace dsabench
