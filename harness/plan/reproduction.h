#pragma once
#include <span>
#include <string>
#include <vector>

#include "harness/plan/run_plan.h"
#include "harness/plan/sweep_text.h"
#include "results/report/reproduction.h"

namespace dsabench {

/// Tables of the paper that a run can reproduce.
inline constexpr const char* kTable1 = "table1";
inline constexpr const char* kProfile = "profile";
inline constexpr const char* kTable2 = "table2";
inline constexpr const char* kTable3 = "table3";
inline constexpr const char* kTable5 = "table5";
inline constexpr const char* kOverlap = "overlap";

/// Whether a table is of answers, not of times: table2, table3 and table5.
bool is_quality_table(const std::string& table);

/// The sweeps of a table, in the order in which they are measured. `asked` has the contexts, the
/// retentions (of table1; profile has all layers Full) and all that cells have in common. table1:
/// prefill and decode of one sequence, then decode with as many as memory holds, for the uniform
/// patterns and those that are published for the retentions and the model's number of layers;
/// profile: prefill and decode of one sequence. Throws as resolve_axes, and for a context beyond
/// the model's positions.
std::vector<SweepAxes> reproduction_axes(const std::string& table, const SweepText& asked,
                                         const ModelConfig& config, const ModelRequest& request);

/// The sweeps of a table of quality: dense attention, then the uniform patterns of the retentions
/// and those that were `found`. `asked` has the suite, its tasks and samples, the contexts, the
/// retentions and what cells have in common. Throws as resolve_axes.
std::vector<SweepAxes> quality_axes(const SweepText& asked, const std::vector<PatternChoice>& found,
                                    const ModelConfig& config, const ModelRequest& request);

/// The sweep of a model that was trained for the uniform pattern of a retention, or its control:
/// that pattern alone, of this origin. Throws as resolve_axes.
std::vector<SweepAxes> trained_axes(const SweepText& asked, const std::string& retention,
                                    const char* origin, const ModelConfig& config,
                                    const ModelRequest& request);

/// Which table a stored run reproduces; empty for none, and for a plan that cannot be read.
std::string reproduced_table(const RunRecord& run);

/// The table of a run, where it reproduces that table, or profile from a run of table1, or is an
/// overlap; of table3
/// of several runs, the base model's first. Throws InvalidArgument where one does not, and for
/// several runs of another table.
Table reproduction_table(const std::string& table, std::span<const RunResults> runs);
Table reproduction_table(const std::string& table, const RunResults& results);

}  // namespace dsabench
