#pragma once
/// The paper's tables with our figures beside the published ones, from runs that reproduce them.
#include <span>

#include "results/report/table.h"

namespace dsabench {

/// What is to be known of a run beside its rows.
struct ReproductionRun {
  const RunResults& results;
  int gpu = -1;  ///< which of its machine's GPUs ran it; -1: the CPU
  bool same_model =
      false;  ///< of the architecture that the paper measured: else nothing is compared
};

/// Table 1: a row for each cell of batch 1 (prefill, decode per request) and each decode cell whose
/// batch has one prompt (decode at full KV). Ours with 95 % interval, published, their ratio, how
/// many times as fast ours is, and both speedups over the all-F cell of the same context. What is
/// not published stands empty; what was not measured says why in its place. Figures at full KV are
/// compared on GPUs with the memory of the published ones at least, where as many sequences fit.
Table reproduction_of_table1(const ReproductionRun& run);

/// The indexers' share of time in the all-F cells of batch 1: ours, published, and what Table 1
/// implies.
Table reproduction_of_profile(const ReproductionRun& run);

/// Tables 2 and 5: what sharing costs in quality without training for it. A row for each quality
/// cell: the mean over the tasks that the model solves (kSolvedScore with dense attention or with
/// all layers Full; where it solves none: over all), its difference from all F of the same context,
/// item by item with its interval, and beside it the published averages of the same retention and
/// kind of pattern. The models differ, which the notes say.
inline constexpr double kSolvedScore = 0.95;
Table reproduction_of_table2(const ReproductionRun& run);
Table reproduction_of_table5(const ReproductionRun& run);

/// Table 3: what training for a pattern brings back. Rows as in table 2, of several runs: the base
/// model's first (dense attention, all F and uniform patterns that it was not trained for), then
/// one of each model that was trained for a pattern, or as long without the loss that ties layers
/// (of pattern origins "trained" and "control"). All are held against the base model's all F,
/// question by question. At least one run.
Table reproduction_of_table3(std::span<const ReproductionRun> runs);

/// What layers choose in common, of a stored overlap (results/overlap_record.h): least, mean and
/// greatest share over neighbour layers and over early with late ones, beside the published ranges.
/// Throws InvalidArgument for any other run, and for a matrix that does not fit its layers.
Table reproduction_of_overlap(const ReproductionRun& run);

/// Table 4 as published: the model cannot be run here.
Table published_table4();

}  // namespace dsabench
