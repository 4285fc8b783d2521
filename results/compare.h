#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "results/report/table.h"
#include "results/store.h"

namespace dsabench {

struct CompareOptions {
  /// Keys of the canonical form ("pattern") that may differ between paired cells.
  std::vector<std::string> ignored_keys;
  std::uint64_t seed = 1;  ///< of the bootstrap; printed
  std::int64_t num_resamples = 10'000;
};

/// Two runs side by side: tables "compare_speed", "compare_quality", "compare_unmatched" and
/// "compare_counters".
///
/// A candidate's cell is paired with the base's cell of the same id; with `ignored_keys`, else with
/// the only one whose canonical form agrees but for those keys (so one base cell may serve several
/// candidates). Cells that are not ok on both sides, and metrics, tasks and items that only one
/// side has, are listed with the reason.
///   speed     one row per pair and metric: medians of the samples pooled over ok trials, and their
///             ratio candidate / base with a 95 % interval, put together on the log scale from the
///             order-statistics intervals of the two medians (MOVER; Zou and Donner 2008)
///   quality   one row per pair and task, and one for the mean over tasks: items paired by task, id
///             and prompt; difference of mean scores (x 100) with a 95 % percentile interval of the
///             paired bootstrap over items
///   counters  metrics that are "exact": one row per pair and counter where the sides' medians,
///             smallest or largest values differ; how many are equal is a note
/// Notes say which machine, build and model ids differ and that runs made one after the other
/// drift: this is no verdict. Throws InvalidArgument for a key that no cell of either run has, and
/// fewer than 100 resamples.
std::vector<Table> compare_runs(const RunResults& base, const RunResults& candidate,
                                const CompareOptions& options = {});

}  // namespace dsabench
