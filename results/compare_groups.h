#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "results/report/table.h"
#include "results/store.h"

namespace dsabench {

/// What cells are put side by side by.
enum class GroupBy {
  device,   ///< a machine and the kind of its device that ran
  commit,   ///< a build; on one machine
  pattern,  ///< on one machine, by one build
  model,    ///< likewise; patterns agree in their nominal retention, or letter by letter
};
const char* group_by_name(GroupBy by);
/// "device, commit, pattern, model", for help texts and messages.
std::string group_by_names();
/// Throws InvalidArgument that lists the names.
GroupBy parse_group_by(const std::string& name);

struct CompareGroupsOptions {
  GroupBy by = GroupBy::device;
  /// Further keys of the canonical form ("dtype") that may differ.
  std::vector<std::string> ignored_keys;
  std::uint64_t seed = 1;  ///< of the quality's bootstrap; printed
  std::int64_t num_resamples = 10'000;
};

/// Cells of all runs side by side, group by group: tables "compare_groups",
/// "compare_groups_quality", "compare_unmatched" and, by device, "compare_ceilings".
///
/// Cells are set side by side where their canonical forms agree but for what `by` says (and
/// `ignored_keys`), and where the machine and the build agree as GroupBy says. Where several runs
/// have a cell of one group, the newest in which it is ok is taken. Groups come in the order of
/// `runs`, patterns by their share of Full layers; ratios are against the first that has the cell.
///   speed    one row per set, time and group: median, rate, ratio with a 95 % interval as in
///            compare_runs, share of the ceilings that the same machine showed in the same run,
///            clock, power and energy
///   quality  one row per set, group but the first and task, as in compare_runs
/// Never a verdict: a note says so. Throws InvalidArgument for runs that are all of one group, a
/// key that no cell has, and fewer than 100 resamples.
std::vector<Table> compare_groups(const std::vector<RunResults>& runs,
                                  const CompareGroupsOptions& options);

}  // namespace dsabench
