#include "harness/run/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "kernels/base/error.h"
#include "results/statistics/power.h"
#include "results/statistics/proportion.h"
#include "results/statistics/signed_rank.h"
#include "suites/counter_random.h"

namespace dsabench {
namespace {

constexpr double kPower = 0.9;
constexpr double kUsualAlpha = 0.05;
constexpr std::int64_t kMostPairsForAsked = 200;

/// The median of the values that a process has of a cell's metric, over its ok trials.
std::optional<double> value_of(const RunResults& run, const std::string& cell_id,
                               const std::string& metric) {
  std::vector<std::int64_t> pooled;
  for (const TrialRecord& trial : run.trials) {
    if (trial.cell_id != cell_id || trial.outcome != TrialOutcome::ok) continue;
    const std::vector<std::int64_t>& values = metric_values(trial, metric);
    pooled.insert(pooled.end(), values.begin(), values.end());
  }
  const double median = summarize(pooled).median;
  if (pooled.empty() || !(median > 0)) return std::nullopt;
  return median;
}

double estimate_of(const std::vector<double>& log_ratios) {
  return hodges_lehmann(log_ratios, 0.5).estimate;
}

/// Around zero: equal builds have no difference to estimate.
double root_mean_square(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

/// Around their mean, with n - 1; 0 for fewer than two.
double standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const auto count = static_cast<double>(values.size());
  double mean = 0, sum = 0;
  for (const double value : values) mean += value / count;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / (count - 1));
}

/// How the log ratios of one comparison look to the rules: slower is above zero.
struct Seen {
  double p = 1;
  double estimate = 0;
};
Seen see(const std::vector<double>& log_ratios) {
  return {signed_rank_test(log_ratios).p_greater, estimate_of(log_ratios)};
}

/// A rule that calls a comparison slower. The lower bound of a 1 - 2 alpha interval lies above zero
/// where p < alpha, and is no rule of its own.
struct Rule {
  std::string name;
  double alpha = 0, margin = -1;
  bool alarms(const Seen& seen) const {
    return seen.p < alpha && (margin < 0 || seen.estimate > std::log1p(margin));
  }
};

std::vector<Rule> rules_for(const CalibrationOptions& options, const std::string& metric) {
  std::vector<Rule> rules{{fmt::format("p below {}", kUsualAlpha), kUsualAlpha}};
  if (options.alpha != kUsualAlpha) {
    rules.push_back({fmt::format("p below {}", options.alpha), options.alpha});
  }
  const auto margin = options.margins.find(metric);
  rules.push_back({"verdict", options.alpha, margin == options.margins.end() ? 0 : margin->second});
  return rules;
}

using Series = std::vector<const CalibrationSeries*>;

std::vector<AlarmRate> real_rates(const Series& series, const std::vector<Rule>& rules,
                                  double confidence) {
  std::vector<AlarmRate> rates;
  for (const Rule& rule : rules) {
    AlarmRate& rate = rates.emplace_back();
    rate.rule = rule.name;
    rate.num_comparisons = rate.num_independent = std::ssize(series);
    for (const CalibrationSeries* one : series)
      rate.num_alarms += rule.alarms(see(one->log_ratios));
    rate.rate = static_cast<double>(rate.num_alarms) / static_cast<double>(rate.num_comparisons);
    rate.interval = clopper_pearson_interval(rate.num_alarms, rate.num_comparisons, confidence);
  }
  return rates;
}

/// Rounds drawn from the pool without replacement, their labels by a coin.
class Relabelling {
 public:
  Relabelling(std::vector<double> pool, std::uint64_t seed)
      : pool_(std::move(pool)), random_(seed) {}

  std::vector<double> draw(std::int64_t num_pairs, double shift) {
    std::vector<double> drawn;
    for (std::int64_t i = 0; i < num_pairs; ++i) {
      const auto left = static_cast<std::uint64_t>(std::ssize(pool_) - i);
      std::swap(pool_[static_cast<std::size_t>(i)],
                pool_[static_cast<std::size_t>(i) + random_.below(left)]);
      const double ratio = pool_[static_cast<std::size_t>(i)];
      drawn.push_back((random_.below(2) == 0 ? ratio : -ratio) + shift);
    }
    return drawn;
  }

 private:
  std::vector<double> pool_;
  CounterRandom random_;
};

std::vector<AlarmRate> relabelled_rates(const std::vector<double>& pool, std::int64_t num_pairs,
                                        const std::vector<Rule>& rules,
                                        const CalibrationOptions& options) {
  std::vector<AlarmRate> rates(rules.size());
  Relabelling relabelling(pool, options.seed);
  for (std::int64_t i = 0; i < options.num_relabellings; ++i) {
    const Seen seen = see(relabelling.draw(num_pairs, 0));
    for (std::size_t r = 0; r < rules.size(); ++r) rates[r].num_alarms += rules[r].alarms(seen);
  }
  for (std::size_t r = 0; r < rules.size(); ++r) {
    AlarmRate& rate = rates[r];
    rate.rule = rules[r].name;
    rate.num_comparisons = options.num_relabellings;
    rate.num_independent = std::ssize(pool) / num_pairs;
    rate.rate = static_cast<double>(rate.num_alarms) / static_cast<double>(rate.num_comparisons);
    // What a pool says is worth the comparisons that it holds without sharing a round (Hoeffding
    // 1963, 5a), however often it is relabelled; Wilson's interval is conservative for means in [0,
    // 1].
    rate.interval = wilson_interval(rate.rate, rate.num_independent);
  }
  return rates;
}

double caught_share(const std::vector<double>& pool, std::int64_t num_pairs, const Rule& rule,
                    const CalibrationOptions& options) {
  Relabelling relabelling(pool, options.seed + 1);
  std::int64_t caught = 0;
  for (std::int64_t i = 0; i < options.num_relabellings; ++i) {
    caught += rule.alarms(see(relabelling.draw(num_pairs, std::log1p(kAskedSlowdown))));
  }
  return static_cast<double>(caught) / static_cast<double>(options.num_relabellings);
}

/// What a look of `ab` calls slower once this calibration is stored: the margin, and as many noise
/// floors as the policy has it, must be exceeded.
class LookRule {
 public:
  LookRule(const MetricCalibration& metric, double alpha, double margin, double noise_factor)
      : sd_(metric.sd_of_pairs),
        alpha_(alpha),
        margin_(margin),
        noise_(noise_factor * metric.noise_floor *
               std::sqrt(static_cast<double>(metric.num_pairs))) {}

  Rule after(std::int64_t pairs) const { return {"look", alpha_, threshold(pairs)}; }
  double detectable(std::int64_t pairs) const {
    return detectable_slowdown(sd_, pairs, alpha_, kPower, threshold(pairs));
  }

 private:
  double threshold(std::int64_t pairs) const {
    return std::max(margin_, noise_ / std::sqrt(static_cast<double>(pairs)));
  }
  double sd_, alpha_, margin_, noise_;
};

/// The fewest pairs that show kAskedSlowdown; 0 where 200 do not.
std::int64_t pairs_for_asked(const LookRule& look, double alpha) {
  std::int64_t low = fewest_pairs(alpha), high = kMostPairsForAsked;
  const auto shows = [&](std::int64_t pairs) { return look.detectable(pairs) <= kAskedSlowdown; };
  if (low > high || !shows(high)) return 0;
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (shows(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

MetricCalibration assess_metric(const Series& series, std::int64_t num_pairs, double alpha_of_look,
                                const CalibrationOptions& options) {
  MetricCalibration metric;
  metric.cell = series.front()->cell;
  metric.metric = series.front()->metric;
  metric.num_pairs = num_pairs;
  metric.num_comparisons = std::ssize(series);
  std::vector<double> pool, estimates;
  for (const CalibrationSeries* one : series) {
    pool.insert(pool.end(), one->log_ratios.begin(), one->log_ratios.end());
    estimates.push_back(estimate_of(one->log_ratios));
    metric.largest_ratio = std::max(metric.largest_ratio, std::expm1(std::abs(estimates.back())));
  }
  metric.noise_floor = standard_deviation(estimates);
  metric.sd_of_pairs = root_mean_square(pool);
  metric.pool = 2 * std::ssize(pool);
  const std::vector<Rule> rules = rules_for(options, metric.metric);
  const double margin = rules.back().margin;
  metric.real = real_rates(series, rules, options.confidence);
  const bool relabels = metric.pool >= kRelabelledPool;
  if (relabels) metric.relabelled = relabelled_rates(pool, num_pairs, rules, options);
  const LookRule look(metric, alpha_of_look, margin, options.noise_factor);
  for (const std::int64_t pairs : options.pairs) {
    MetricCalibration::Detectable& detectable = metric.detectable.emplace_back();
    detectable.pairs = pairs;
    detectable.slowdown = look.detectable(pairs);
    if (relabels && pairs <= std::min(kMostCaughtPairs, std::ssize(pool))) {
      detectable.caught = caught_share(pool, pairs, look.after(pairs), options);
    }
  }
  metric.pairs_for_asked = pairs_for_asked(look, alpha_of_look);
  return metric;
}

}  // namespace

std::vector<CalibrationSeries> calibration_series(std::span<const GateSample> samples,
                                                  std::span<const std::string> metrics) {
  std::map<std::int64_t, std::pair<const RunResults*, const RunResults*>> rounds;
  for (const GateSample& sample : samples) {
    auto& [base, candidate] = rounds[sample.round];
    (sample.arm == Arm::base ? base : candidate) = &sample.run;
  }
  std::vector<CalibrationSeries> all;
  if (samples.empty()) return all;
  for (const PlannedCell& planned : samples.front().run.plan) {
    for (const std::string& metric : metrics) {
      CalibrationSeries series{planned.cell, metric, {}};
      for (const auto& [round, sides] : rounds) {
        if (sides.first == nullptr || sides.second == nullptr) continue;
        const auto base = value_of(*sides.first, planned.cell.cell_id, metric);
        const auto candidate = value_of(*sides.second, planned.cell.cell_id, metric);
        if (base && candidate) series.log_ratios.push_back(std::log(*candidate / *base));
      }
      if (!series.log_ratios.empty()) all.push_back(std::move(series));
    }
  }
  return all;
}

CalibrationReport assess_calibration(std::span<const CalibrationComparison> comparisons,
                                     const CalibrationOptions& options) {
  CalibrationReport report;
  report.options = options;
  report.num_comparisons = std::ssize(comparisons);
  // By cell, metric and rounds, in the order in which they were first seen.
  std::vector<std::pair<std::tuple<std::string, std::string, std::int64_t>, Series>> groups;
  std::int64_t num_tests = 0;  // of one comparison
  for (const CalibrationComparison& comparison : comparisons) {
    num_tests = std::max(num_tests, std::ssize(comparison.series));
    report.any_metric.num_alarms += comparison.is_alarm;
    for (const CalibrationSeries& series : comparison.series) {
      const std::tuple key(series.cell.cell_id, series.metric, comparison.num_pairs);
      auto group = std::find_if(groups.begin(), groups.end(),
                                [&key](const auto& known) { return known.first == key; });
      if (group == groups.end()) group = groups.insert(group, {key, {}});
      group->second.push_back(&series);
    }
  }
  if (groups.empty())
    throw InvalidArgument("no comparison of a build with itself has timed a cell");
  AlarmRate& any = report.any_metric;
  any.rule = "verdict";
  any.num_comparisons = any.num_independent = report.num_comparisons;
  any.rate = static_cast<double>(any.num_alarms) / static_cast<double>(any.num_comparisons);
  any.interval = clopper_pearson_interval(any.num_alarms, any.num_comparisons, options.confidence);
  report.alpha_of_look =
      options.alpha / static_cast<double>(options.num_looks) / static_cast<double>(num_tests);
  for (const auto& [key, series] : groups) {
    report.metrics.push_back(
        assess_metric(series, std::get<2>(key), report.alpha_of_look, options));
  }
  return report;
}

}  // namespace dsabench
