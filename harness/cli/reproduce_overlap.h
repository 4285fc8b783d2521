#pragma once
#include "harness/cli/result_output.h"
#include "harness/cli/results_database.h"
#include "harness/cli/verbs.h"

namespace dsabench {

/// `reproduce overlap`: reads questions with all layers Full, stores what layers chose in common,
/// and prints it beside the published ranges, with the clusters against the blocks of patterns.
ExitCode reproduce_overlap(const ReproduceOptions& options, const ResultOutput& output,
                           const Invocation& invocation);

/// The same tables of a stored overlap; `name` is a run id, a prefix of one, "last" or "last~N".
/// Held against its clusters are the published patterns of models with as many layers and those
/// that the newest search of the same model found.
std::vector<Table> stored_overlap_tables(const ResultStore& store, const std::string& name);

}  // namespace dsabench
