/// What stored comparisons of a build with itself say, on noise that is known.
#include "harness/run/calibration.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/error.h"
#include "results/report/render.h"
#include "results/statistics/power.h"
#include "results/statistics/proportion.h"
#include "tests/harness/scripted_arms.h"
#include "tests/support/error_message.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

using test::contains;

/// Comparisons of one cell's prefill whose log ratios are normal.
std::vector<CalibrationComparison> noisy(test::Random& random, std::int64_t count,
                                         std::int64_t pairs, double sd, double shift = 0) {
  std::vector<CalibrationComparison> comparisons;
  for (std::int64_t i = 0; i < count; ++i) {
    CalibrationComparison& comparison = comparisons.emplace_back();
    comparison.num_pairs = pairs;
    CalibrationSeries& series = comparison.series.emplace_back();
    series.cell = to_record(test::scripted_cell());
    series.metric = "prefill";
    for (std::int64_t k = 0; k < pairs; ++k) series.log_ratios.push_back(random.normal(sd) + shift);
  }
  return comparisons;
}

CalibrationOptions options_with_margin() {
  CalibrationOptions options;
  options.margins = {{"prefill", 0.02}};
  return options;
}

/// The median of all (x_i + x_j) / 2, i <= j.
double walsh_median(const std::vector<double>& x) {
  std::vector<double> averages;
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t j = i; j < x.size(); ++j) averages.push_back((x[i] + x[j]) / 2);
  }
  std::sort(averages.begin(), averages.end());
  const std::size_t middle = averages.size() / 2;
  return averages.size() % 2 == 1 ? averages[middle]
                                  : (averages[middle - 1] + averages[middle]) / 2;
}

/// P(no more than so many of n signs are positive) has no part in this: p of the signed-rank test
/// by going through all signs.
double p_by_enumeration(const std::vector<double>& x) {
  std::vector<std::size_t> order(x.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return std::abs(x[a]) < std::abs(x[b]); });
  std::int64_t seen = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    if (x[order[rank]] > 0) seen += static_cast<std::int64_t>(rank) + 1;
  }
  std::int64_t as_large = 0;
  for (std::uint64_t signs = 0; signs < std::uint64_t{1} << x.size(); ++signs) {
    std::int64_t sum = 0;
    for (std::size_t rank = 0; rank < x.size(); ++rank) {
      if ((signs >> rank) & 1) sum += static_cast<std::int64_t>(rank) + 1;
    }
    as_large += sum >= seen;
  }
  return static_cast<double>(as_large) / std::ldexp(1.0, static_cast<int>(x.size()));
}

TEST_CASE("a series is the log ratio of the medians of each round that both sides have") {
  const std::vector<Cell> cells{test::scripted_cell(64), test::scripted_cell(128)};
  std::vector<GateSample> samples{{Arm::candidate, 1, 0, test::scripted_run(3e6, cells)},
                                  {Arm::base, 1, 1, test::scripted_run(2e6, cells)},
                                  {Arm::base, 0, 0, test::scripted_run(5e6, cells)},
                                  {Arm::candidate, 0, 1, test::scripted_run(4e6, cells)},
                                  {Arm::base, 2, 0, test::scripted_run(4e6, cells)}};
  // A wrong trial's times are no times: the second cell lacks round 0.
  samples[3].run.trials[1].outcome = TrialOutcome::incorrect;
  const std::vector<std::string> metrics{"prefill", "decode_step"};
  const std::vector<CalibrationSeries> all = calibration_series(samples, metrics);
  REQUIRE(all.size() == 2);
  CHECK(all[0].cell.context_tokens == 64);
  CHECK(all[0].log_ratios == std::vector<double>{std::log(0.8), std::log(1.5)});
  CHECK(all[1].cell.context_tokens == 128);
  CHECK(all[1].log_ratios == std::vector<double>{std::log(1.5)});
  CHECK(calibration_series({}, metrics).empty());
}

TEST_CASE("the noise floor is the sd of the Hodges-Lehmann log ratios") {
  DSABENCH_SEEDED(random);
  const auto comparisons = noisy(random, 20, 10, 0.01);
  const CalibrationReport report = assess_calibration(comparisons, options_with_margin());
  std::vector<double> estimates;
  double mean = 0, sum = 0, squares = 0, largest = 0;
  for (const CalibrationComparison& comparison : comparisons) {
    const std::vector<double>& ratios = comparison.series[0].log_ratios;
    estimates.push_back(walsh_median(ratios));
    mean += estimates.back() / 20;
    largest = std::max(largest, std::exp(std::abs(estimates.back())) - 1);
    for (const double ratio : ratios) squares += ratio * ratio / 200;
  }
  for (const double estimate : estimates) sum += (estimate - mean) * (estimate - mean) / 19;
  REQUIRE(report.metrics.size() == 1);
  const MetricCalibration& metric = report.metrics[0];
  CHECK(!(std::abs(metric.noise_floor - std::sqrt(sum)) > 1e-12));
  CHECK(!(std::abs(metric.largest_ratio - largest) > 1e-12));
  CHECK(!(std::abs(metric.sd_of_pairs - std::sqrt(squares)) > 1e-12));
  CHECK(metric.pool == 400);
}

TEST_CASE("false alarms are counted by the rules' own arithmetic, with exact intervals") {
  DSABENCH_SEEDED(random);
  auto comparisons = noisy(random, 30, 9, 0.05);
  comparisons[3].is_alarm = comparisons[7].is_alarm = true;
  const CalibrationReport report = assess_calibration(comparisons, options_with_margin());
  std::int64_t at_5 = 0, at_1 = 0, verdicts = 0;
  for (const CalibrationComparison& comparison : comparisons) {
    const std::vector<double>& ratios = comparison.series[0].log_ratios;
    const double p = p_by_enumeration(ratios);
    at_5 += p < 0.05;
    at_1 += p < 0.01;
    verdicts += p < 0.01 && std::exp(walsh_median(ratios)) > 1.02;
  }
  const std::vector<AlarmRate>& real = report.metrics[0].real;
  REQUIRE(real.size() == 3);
  CHECK(real[0].rule == "p below 0.05");
  CHECK(real[0].num_alarms == at_5);
  CHECK(real[1].num_alarms == at_1);
  CHECK(real[2].rule == "verdict");
  CHECK(real[2].num_alarms == verdicts);
  for (const AlarmRate& rate : real) {
    const Interval interval = clopper_pearson_interval(rate.num_alarms, 30, 0.95);
    CHECK(rate.num_comparisons == 30);
    CHECK(rate.interval.low == interval.low);
    CHECK(rate.interval.high == interval.high);
  }
  CHECK(report.any_metric.num_alarms == 2);
  CHECK(report.any_metric.interval.low == clopper_pearson_interval(2, 30, 0.95).low);
}

TEST_CASE("relabelled comparisons keep their level where the real ones are biased") {
  DSABENCH_SEEDED(random);
  // The candidate's processes are always 4 % slower: every real comparison is an alarm.
  const auto comparisons = noisy(random, 20, 10, 0.002, 0.04);
  const CalibrationReport report = assess_calibration(comparisons, options_with_margin());
  const MetricCalibration& metric = report.metrics[0];
  for (const AlarmRate& rate : metric.real) CHECK(rate.num_alarms == 20);
  REQUIRE(metric.relabelled.size() == 3);
  // Five standard errors of 2,000 draws above 0.05 and 0.01.
  CHECK(!(metric.relabelled[0].rate > 0.05 + 5 * std::sqrt(0.05 * 0.95 / 2000)));
  CHECK(!(metric.relabelled[1].rate > 0.01 + 5 * std::sqrt(0.01 * 0.99 / 2000)));
  for (const AlarmRate& rate : metric.relabelled) {
    CHECK(rate.num_comparisons == 2000);
    // 200 rounds hold 20 comparisons of 10: the interval is one of 20, not of 2,000.
    CHECK(rate.num_independent == 20);
    CHECK(rate.interval.high - rate.interval.low > 0.1);
    CHECK(rate.interval.low <= rate.rate);
    CHECK(rate.rate <= rate.interval.high);
  }
}

TEST_CASE("a pool below 120 processes is not relabelled, and what is missing is said") {
  DSABENCH_SEEDED(random);
  CalibrationReport report = assess_calibration(noisy(random, 4, 10, 0.01), options_with_margin());
  CHECK(report.metrics[0].relabelled.empty());
  for (const auto& detectable : report.metrics[0].detectable) CHECK(detectable.caught < 0);
  const std::string text = render(parse_table_format("md"), calibration_tables(report));
  CHECK(contains(text, "needs a pool of 120 processes, 80 are stored: 40 are missing"));
  CHECK(contains(text, "2 more comparisons of 10 pairs"));
  report = assess_calibration(noisy(random, 6, 10, 0.01), options_with_margin());
  CHECK(report.metrics[0].relabelled.size() == 3);
}

TEST_CASE("more pairs show smaller slowdowns, and 3 % at the number of pairs named") {
  DSABENCH_SEEDED(random);
  const CalibrationReport report =
      assess_calibration(noisy(random, 20, 10, 0.01), options_with_margin());
  // One metric: alpha 0.01 over 4 looks.
  CHECK(report.alpha_of_look == 0.0025);
  const MetricCalibration& metric = report.metrics[0];
  REQUIRE(metric.detectable.size() >= 4);
  for (std::size_t i = 1; i < metric.detectable.size(); ++i) {
    CHECK(metric.detectable[i].slowdown <= metric.detectable[i - 1].slowdown + 5e-4);
  }
  CHECK(metric.detectable.back().slowdown <= 0.03);
  REQUIRE(metric.pairs_for_asked > 0);
  const auto slowdown_at = [&](std::int64_t pairs) {
    return detectable_slowdown(metric.sd_of_pairs, pairs, 0.0025, 0.9, 0.02);
  };
  CHECK(slowdown_at(metric.pairs_for_asked) <= 0.03);
  for (const auto& detectable : metric.detectable) {
    // What the formula promises with 90 % power, relabelled rounds made slower show too.
    if (detectable.pairs > 60) continue;
    if (detectable.slowdown <= 0.029) CHECK(detectable.caught >= 0.8);
    if (detectable.slowdown >= 0.035) CHECK(detectable.caught <= 0.95);
  }
}

TEST_CASE("what is called slower exceeds the noise floors that the calibration found") {
  DSABENCH_SEEDED(random);
  CalibrationOptions options = options_with_margin();
  options.pairs = {10, 40};
  options.noise_factor = 100;
  const CalibrationReport report = assess_calibration(noisy(random, 20, 10, 0.01), options);
  const MetricCalibration& metric = report.metrics[0];
  REQUIRE(100 * metric.noise_floor > 2 * 0.02);
  CHECK(metric.detectable[0].slowdown > 100 * metric.noise_floor);
  CHECK(metric.detectable[1].slowdown > 50 * metric.noise_floor);
  CHECK(metric.detectable[1].slowdown < 100 * metric.noise_floor);
  CHECK(metric.detectable[1].caught == 0.0);
}

TEST_CASE("noise of 20 % a pair never shows 3 %") {
  DSABENCH_SEEDED(random);
  const CalibrationReport report =
      assess_calibration(noisy(random, 8, 8, 0.2), options_with_margin());
  CHECK(report.metrics[0].pairs_for_asked == 0);
  const std::string json = render(parse_table_format("json"), calibration_tables(report));
  CHECK_FALSE(contains(json, "inf"));
  CHECK_FALSE(contains(json, "nan"));
}

TEST_CASE("cells, metrics and numbers of pairs are assessed apart, and all divide alpha") {
  DSABENCH_SEEDED(random);
  auto comparisons = noisy(random, 3, 10, 0.01);
  for (CalibrationComparison& comparison : comparisons) {
    comparison.series.push_back(comparison.series[0]);
    comparison.series[1].metric = "decode_step";
  }
  const auto others = noisy(random, 2, 12, 0.01);
  comparisons.insert(comparisons.end(), others.begin(), others.end());
  const CalibrationReport report = assess_calibration(comparisons, options_with_margin());
  REQUIRE(report.metrics.size() == 3);
  CHECK(report.metrics[0].num_comparisons == 3);
  CHECK(report.metrics[1].metric == "decode_step");
  CHECK(report.metrics[2].num_pairs == 12);
  CHECK(report.metrics[2].num_comparisons == 2);
  CHECK(report.alpha_of_look == 0.00125);
  CHECK(report.any_metric.num_comparisons == 5);
  for (const char* format : {"md", "csv", "json", "jsonl", "sql", "junit", "github"}) {
    CHECK_FALSE(render(parse_table_format(format), calibration_tables(report)).empty());
  }
  CHECK_THROWS_AS(assess_calibration({}, options_with_margin()), InvalidArgument);
}

}  // namespace
}  // namespace dsabench
