#pragma once
/// Is it slower? Private to results/.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "results/gate.h"
#include "results/gate/cells.h"

namespace dsabench::gate {

/// One metric of two sides: a process's medians.
struct Times {
  bool paired = false;
  std::vector<double> ratios;           ///< paired: log(candidate / base) of each round
  std::vector<double> base, candidate;  ///< paired: of the same rounds
  std::int64_t num_lacking = 0;         ///< paired: rounds in which one side has no value
};
/// The median of all samples of the view's ok trials; nothing where there is none above zero.
std::optional<double> process_median(const report::CellView& view, const std::string& metric);
Times collect_times(const std::vector<Observation>& base, const std::vector<Observation>& candidate,
                    const std::string& metric, bool paired);

/// What judging needs, beside the times.
struct TimeRule {
  double alpha = 0.01;       ///< of this look
  double confidence = 0.95;  ///< of the interval
  double margin = 0;         ///< what still passes
  double noise = 0;  ///< a multiple of the noise floor, of comparisons of one pair; 0: not known
  std::int64_t num_tests = 1;  ///< that Holm adjusts for
};

struct TimeEstimate {
  double ratio = 1, low = 0, high = 0;  ///< candidate / base
  double pass_high = 0;                 ///< upper bound of the 1 - 2 alpha interval
  double p_slower = 1, p_faster = 1;
  double smallest_p = 1;  ///< that so many processes can give
  double threshold = 0;   ///< what it must exceed: the margin, or the noise of so many processes
  double detectable = 0;  ///< 0: not known
};
TimeEstimate estimate_times(const Times& times, const TimeRule& rule);

/// The verdict, given Holm's adjusted p of being slower, and its reason.
Verdict judge_times(const Times& times, const TimeEstimate& estimate, const TimeRule& rule,
                    double p_adjusted, std::string& reason);

/// 0 where there are none.
double median_of(std::vector<double> values);

}  // namespace dsabench::gate
