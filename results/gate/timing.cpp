#include "results/gate/timing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "results/statistics.h"
#include "results/statistics/power.h"
#include "results/statistics/rank_sum.h"
#include "results/statistics/signed_rank.h"

namespace dsabench::gate {
namespace {

constexpr double kPower = 0.9;
constexpr std::int64_t kMostProcesses = 100'000;  ///< that are told to be needed

double percent(double ratio) { return 100 * (ratio - 1); }

std::vector<double> logs_of(std::vector<double> values) {
  for (double& value : values) value = std::log(value);
  return values;
}

double deviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  double mean = 0, sum = 0;
  for (const double value : values) mean += value;
  mean /= static_cast<double>(values.size());
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

/// That of a pair's log ratio with as many pairs as the smaller side has processes, whose mean is
/// as uncertain as the difference of the two sides' means.
double deviation_as_pairs(const Times& times) {
  if (times.paired) return deviation(times.ratios);
  const auto n = static_cast<double>(times.base.size());
  const auto m = static_cast<double>(times.candidate.size());
  if (times.base.size() + times.candidate.size() < 3) return 0;
  const double a = deviation(logs_of(times.base)), b = deviation(logs_of(times.candidate));
  const double pooled = std::sqrt(((n - 1) * a * a + (m - 1) * b * b) / (n + m - 2));
  return pooled * std::sqrt(std::min(n, m) * (1 / n + 1 / m));
}

std::int64_t num_pairs(const Times& times) {
  return times.paired ? std::ssize(times.ratios)
                      : std::min(std::ssize(times.base), std::ssize(times.candidate));
}

/// Pairs whose mean log ratio is as uncertain as the difference of the two sides' means.
double pairs_worth(const Times& times) {
  if (times.paired) return static_cast<double>(times.ratios.size());
  const auto n = static_cast<double>(times.base.size());
  const auto m = static_cast<double>(times.candidate.size());
  return 2 * n * m / (n + m);
}

bool is_empty(const Times& times) {
  return times.paired ? times.ratios.empty() : times.base.empty() || times.candidate.empty();
}

double smallest_p(const Times& times) {
  return times.paired ? smallest_signed_rank_p(std::ssize(times.ratios))
                      : smallest_rank_sum_p(std::ssize(times.base), std::ssize(times.candidate));
}

/// "40 tests at alpha 0.01 need 12 pairs", or processes on each side.
std::string needed(const TimeRule& rule, bool paired) {
  const double alpha = rule.alpha / static_cast<double>(rule.num_tests);
  std::int64_t count = 1;
  if (paired) {
    count = fewest_pairs(alpha);
  } else {
    while (count < kMostProcesses && smallest_rank_sum_p(count, count) >= alpha) ++count;
  }
  return fmt::format("{} test{} at alpha {:.3g} need{} {} {}", rule.num_tests,
                     rule.num_tests == 1 ? "" : "s", rule.alpha, rule.num_tests == 1 ? "s" : "",
                     count, paired ? "pairs" : "processes on each side");
}

std::string counted(std::int64_t count, const char* one, const char* many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string size_of(const Times& times) {
  if (times.paired) return counted(std::ssize(times.ratios), "pair", "pairs");
  return fmt::format("{} against {}", counted(std::ssize(times.candidate), "process", "processes"),
                     times.base.size());
}

}  // namespace

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(values.begin(), middle));
}

std::optional<double> process_median(const report::CellView& view, const std::string& metric) {
  const std::vector<std::int64_t> values = view.pooled(metric);
  const double median = median_of(std::vector<double>(values.begin(), values.end()));
  return median > 0 ? std::optional(median) : std::nullopt;
}

Times collect_times(const std::vector<Observation>& base, const std::vector<Observation>& candidate,
                    const std::string& metric, bool paired) {
  Times times;
  times.paired = paired;
  if (!paired) {
    const auto collect = [&](const std::vector<Observation>& side, std::vector<double>& values) {
      for (const Observation& seen : side) {
        if (const auto median = process_median(*seen.view, metric)) values.push_back(*median);
      }
    };
    collect(base, times.base);
    collect(candidate, times.candidate);
    return times;
  }
  std::map<std::int64_t, std::pair<std::optional<double>, std::optional<double>>> rounds;
  for (const Observation& seen : base) {
    rounds[seen.round].first = process_median(*seen.view, metric);
  }
  for (const Observation& seen : candidate) {
    rounds[seen.round].second = process_median(*seen.view, metric);
  }
  for (const auto& [round, values] : rounds) {
    if (!values.first || !values.second) {
      ++times.num_lacking;
      continue;
    }
    times.base.push_back(*values.first);
    times.candidate.push_back(*values.second);
    times.ratios.push_back(std::log(*values.second / *values.first));
  }
  return times;
}

TimeEstimate estimate_times(const Times& times, const TimeRule& rule) {
  TimeEstimate estimate;
  estimate.high = estimate.pass_high = std::numeric_limits<double>::infinity();
  if (is_empty(times)) return estimate;
  const std::vector<double> base = logs_of(times.base), candidate = logs_of(times.candidate);
  const auto location = [&](double confidence) {
    return times.paired ? hodges_lehmann(times.ratios, confidence)
                        : hodges_lehmann_shift(base, candidate, confidence);
  };
  const LocationEstimate printed = location(rule.confidence);
  estimate.ratio = std::exp(printed.estimate);
  estimate.low = std::exp(printed.low);
  estimate.high = std::exp(printed.high);
  estimate.pass_high = std::exp(location(1 - 2 * rule.alpha).high);
  if (times.paired) {
    const SignedRankTest test = signed_rank_test(times.ratios);
    estimate.p_slower = test.p_greater;
    estimate.p_faster = test.p_less;
  } else {
    const RankSumTest test = rank_sum_test(base, candidate);
    estimate.p_slower = test.p_greater;
    estimate.p_faster = test.p_less;
  }
  estimate.smallest_p = smallest_p(times);
  estimate.threshold = std::max(rule.margin, rule.noise / std::sqrt(pairs_worth(times)));
  const double alpha = rule.alpha / static_cast<double>(rule.num_tests);
  const double detectable = detectable_slowdown(deviation_as_pairs(times), num_pairs(times), alpha,
                                                kPower, estimate.threshold);
  estimate.detectable = std::isfinite(detectable) ? detectable : 0;
  return estimate;
}

Verdict judge_times(const Times& times, const TimeEstimate& estimate, const TimeRule& rule,
                    double p_adjusted, std::string& reason) {
  if (p_adjusted < rule.alpha && estimate.ratio > 1 + estimate.threshold && estimate.low > 1) {
    reason =
        fmt::format("slower by {:.2f} % ({:.0f} %: {:.2f} to {:.2f} %), beyond {:.2f} %, p {:.2g}",
                    percent(estimate.ratio), 100 * rule.confidence, percent(estimate.low),
                    percent(estimate.high), 100 * estimate.threshold, p_adjusted);
    return Verdict::regression;
  }
  if (is_empty(times) ||
      !(estimate.smallest_p * static_cast<double>(rule.num_tests) < rule.alpha)) {
    reason = fmt::format("only {}: {}", size_of(times), needed(rule, times.paired));
    return Verdict::insufficient;
  }
  if (estimate.pass_high < 1 + rule.margin) {
    reason = fmt::format("at most {:+.2f} %, with {:.3g} % confidence", percent(estimate.pass_high),
                         100 * (1 - rule.alpha));
    return Verdict::pass;
  }
  reason = fmt::format(
      "a slowdown beyond {:.2f} % is neither shown nor ruled out: at most {:+.2f} %, "
      "with {:.3g} % confidence",
      100 * rule.margin, percent(estimate.pass_high), 100 * (1 - rule.alpha));
  return Verdict::inconclusive;
}

}  // namespace dsabench::gate
