#include "results/gate/time_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "results/gate/adjusted.h"

namespace dsabench::gate {
namespace {

void check_twin(const std::vector<TimeCase>& all, bool paired, Environment& environment) {
  std::vector<const TimeCase*> cases;
  std::vector<TimeEstimate> estimates;
  for (const TimeCase& one : all) {
    const Times times = collect_times(one.cell->base, one.cell->twin, one.metric, paired);
    if (times.base.empty() || times.candidate.empty()) continue;
    cases.push_back(&one);
    estimates.push_back(estimate_times(times, one.rule));
  }
  const auto slower = adjusted(estimates, &TimeEstimate::p_slower);
  const auto faster = adjusted(estimates, &TimeEstimate::p_faster);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const TimeEstimate& seen = estimates[i];
    const TimeRule& rule = cases[i]->rule;
    const bool up = slower[i] < rule.alpha && seen.ratio > 1 + seen.threshold && seen.low > 1;
    const bool down =
        faster[i] < rule.alpha && seen.ratio < 1 / (1 + seen.threshold) && seen.high < 1;
    if (!up && !down) continue;
    environment.distrust(
        fmt::format("{}, {}: the base's twin differs from the base by {:+.2f} % (p {:.2g})",
                    cases[i]->cell->name(), cases[i]->metric, 100 * (seen.ratio - 1),
                    up ? slower[i] : faster[i]));
  }
}

}  // namespace

void close_times(std::vector<TimeCase>& cases, bool paired, GateReport& report,
                 Environment& environment) {
  std::vector<TimedMetric> timed;
  std::vector<Times> times;
  std::vector<TimeEstimate> estimates;
  for (TimeCase& one : cases) {
    one.rule.num_tests = std::ssize(cases);
    timed.push_back({one.cell, one.metric});
    times.push_back(collect_times(one.cell->base, one.cell->candidate, one.metric, paired));
    estimates.push_back(estimate_times(times.back(), one.rule));
  }
  const auto p_adjusted = adjusted(estimates, &TimeEstimate::p_slower);
  std::int64_t num_lacking = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    GateRow& row = report.rows[cases[i].row];
    const TimeEstimate& estimate = estimates[i];
    row.base = median_of(times[i].base);
    row.candidate = median_of(times[i].candidate);
    row.num_base = std::ssize(times[i].base);
    row.num_candidate = std::ssize(times[i].candidate);
    row.effect = estimate.ratio;
    row.low = estimate.low;
    row.high = estimate.high;
    row.p = estimate.p_slower;
    row.p_adjusted = p_adjusted[i];
    row.detectable = estimate.detectable;
    row.verdict = judge_times(times[i], estimate, cases[i].rule, p_adjusted[i], row.reason);
    num_lacking = std::max(num_lacking, times[i].num_lacking);
  }
  if (num_lacking > 0) {
    environment.note(fmt::format("rounds that lack a value on one side: up to {}", num_lacking));
  }
  check_twin(cases, paired, environment);
  if (paired) check_first_place(timed, environment);
}

}  // namespace dsabench::gate
