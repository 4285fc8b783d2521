#include "results/compare.h"

#include <algorithm>
#include <cmath>

#include "results/compare/metric_ratio.h"
#include "results/report/render.h"
#include "tests/results/approved_files.h"
#include "tests/results/fixture_run.h"
#include "tests/results/random_records.h"
#include "tests/results/table_fields.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"

namespace dsabench::test {
namespace {

TEST_CASE("a run against itself has ratio 1 and difference 0") {
  const RunResults run = fixture_run();
  const std::vector<Table> tables = compare_runs(run, run);
  REQUIRE(tables.size() == 4);
  for (const Table& table : tables) {
    for (const auto& row : table.rows) CHECK(row.size() == table.columns.size());
  }
  const Table &speed = tables[0], &quality = tables[1], &unmatched = tables[2];
  REQUIRE(speed.rows.size() == 4);  // two cells, two times each
  for (std::size_t row = 0; row < speed.rows.size(); ++row)
    CHECK(is_close(number(speed, row, "ratio"), 1));
  CHECK(number(speed, 0, "ratio_low") < 1);
  CHECK(number(speed, 0, "ratio_high") > 1);
  CHECK(tables[3].rows.empty());  // of counters only what differs
  CHECK(contains(notes_of(tables[3]), "counters equal on both sides: 4"));
  REQUIRE(quality.rows.size() == 6);
  for (std::size_t row = 0; row < quality.rows.size(); ++row) {
    CHECK(number(quality, row, "difference") == 0);
    CHECK(number(quality, row, "difference_low") == 0);
    CHECK(number(quality, row, "difference_high") == 0);
  }
  REQUIRE(unmatched.rows.size() == 3);  // failed, incorrect, not run
  CHECK(contains(text(unmatched, 0, "reason"), "out of memory"));
  CHECK(contains(text(unmatched, 1, "reason"), "incorrect"));
  CHECK(text(unmatched, 2, "reason") == "base: not run");
  CHECK(contains(notes_of(speed), "no verdict"));
  CHECK_FALSE(contains(notes_of(speed), "other machines"));
}

TEST_CASE("ratios are candidate over base, per metric, with what differs named") {
  const RunResults base = fixture_run();
  RunResults candidate = base;
  candidate.run.machine_id = "another";
  candidate.run.mixed = true;
  for (MetricSamples& metric : candidate.trials[0].metrics) {
    for (std::int64_t& value : metric.values) value *= 2;
  }
  candidate.trials[0].metrics[3].name = "renamed";
  candidate.trials[1].metrics[0].unit = "us";
  const std::vector<Table> tables = compare_runs(base, candidate);
  const Table& speed = tables[0];
  CHECK(text(speed, 0, "metric") == "prefill");
  CHECK(is_close(number(speed, 0, "base_median"), 1e8));
  CHECK(is_close(number(speed, 0, "candidate_median"), 2e8));
  CHECK(is_close(number(speed, 0, "ratio"), 2));
  // Medians 100 (98 to 103) and twice that: by hand on the log scale.
  const double below = std::hypot(std::log(100.0 / 98), std::log(103.0 / 100));
  CHECK(is_close(number(speed, 0, "ratio_low"), 2 * std::exp(-below)));
  CHECK(is_close(number(speed, 0, "ratio_high"), 2 * std::exp(below)));
  CHECK(integer(speed, 0, "base_samples") == 7);
  CHECK(contains(notes_of(speed), "other machines: " + base.run.machine_id + " against another"));
  CHECK(contains(notes_of(speed), "the candidate is of several machines"));
  std::string reasons;
  for (std::size_t row = 0; row < tables[2].rows.size(); ++row) {
    reasons += text(tables[2], row, "side") + ": " + text(tables[2], row, "reason") + "\n";
  }
  CHECK(contains(reasons, "candidate: the base has no metric renamed"));
  CHECK(contains(reasons, "candidate: the base has no metric prefill in us"));
  CHECK(contains(reasons, "base: the candidate has no metric topk_overlap"));
}

TEST_CASE("a cell that is not ok on one side is not compared, and says on which") {
  const RunResults run = fixture_run();
  RunResults failed = run;
  failed.trials[0].outcome = TrialOutcome::failed;
  failed.trials[0].reason = "broken";
  for (const bool of_base : {true, false}) {
    const auto tables = of_base ? compare_runs(failed, run) : compare_runs(run, failed);
    REQUIRE(tables[0].rows.size() == 2);
    CHECK(text(tables[0], 0, "base_pattern") == "FSFS");
    std::string reasons;
    for (std::size_t row = 0; row < tables[2].rows.size(); ++row) {
      reasons += text(tables[2], row, "reason") + "\n";
    }
    CHECK(contains(reasons, of_base ? "base: failed: broken" : "candidate: failed: broken"));
  }
}

TEST_CASE("a metric without samples is not compared") {
  const RunResults base = fixture_run();
  RunResults candidate = base;
  candidate.trials[0].metrics[0].values.clear();
  const Table speed = compare_runs(base, candidate)[0];
  REQUIRE(speed.rows.size() == 3);
  CHECK(text(speed, 0, "metric") == "decode_step");
}

TEST_CASE("counters are told where any value differs") {
  RunResults base = fixture_run();
  RunResults candidate = base;
  std::vector<std::int64_t>& bytes = candidate.trials[0].metrics[2].values;
  const std::int64_t value = bytes.at(0);
  const auto counters = [&] { return compare_runs(base, candidate)[3]; };
  bytes = {value, value};
  CHECK(counters().rows.empty());  // more samples of the same
  bytes = {2 * value};
  Table table = counters();
  REQUIRE(table.rows.size() == 1);
  CHECK(text(table, 0, "metric") == "cache_bytes");
  CHECK(text(table, 0, "base_pattern") == "FFFF");
  CHECK(number(table, 0, "base_minimum") == value);
  CHECK(number(table, 0, "candidate_minimum") == 2 * value);
  CHECK(is_close(number(table, 0, "ratio"), 2));
  CHECK(contains(notes_of(table), "counters equal on both sides: 3"));
  for (const std::int64_t other : {value - 1, value + 1}) {
    bytes = {value, value, other};  // the median is the same
    table = counters();
    REQUIRE(table.rows.size() == 1);
    CHECK(number(table, 0, "candidate_minimum") == std::min(value, other));
    CHECK(number(table, 0, "candidate_maximum") == std::max(value, other));
  }
  base.trials[0].metrics[2].values = {value, value, value + 1};
  bytes = {value, value + 1, value + 1};
  CHECK(counters().rows.size() == 1);
}

TEST_CASE("the interval of a ratio covers the truth about as often as it says") {
  DSABENCH_SEEDED(random);
  int covered = 0;
  constexpr int kRounds = 400;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::int64_t> base, candidate;
    for (int i = 0; i < 21; ++i) {
      base.push_back(static_cast<std::int64_t>(1e9 * std::exp(random.normal(0.05))));
      candidate.push_back(static_cast<std::int64_t>(1.1e9 * std::exp(random.normal(0.02))));
    }
    const compare::MedianRatio ratio = compare::median_ratio(base, candidate);
    REQUIRE(ratio.interval);
    covered += ratio.interval->low <= 1.1 && 1.1 <= ratio.interval->high;
  }
  CHECK(covered >= 0.92 * kRounds);
  CHECK(covered < kRounds);
}

TEST_CASE("medians of nothing and of zeros have no ratio") {
  const std::vector<std::int64_t> none, zero = {0, 0}, one = {5}, two = {5, 6};
  CHECK_FALSE(compare::median_ratio(none, two).ratio);
  CHECK_FALSE(compare::median_ratio(zero, two).ratio);
  CHECK(compare::median_ratio(one, two).ratio);
  CHECK_FALSE(compare::median_ratio(one, two).interval);
  CHECK_FALSE(compare::median_ratio(two, one).interval);
  CHECK_FALSE(compare::median_ratio({{0, 5, 6}}, two).interval);  // no logarithm of its low end
  CHECK_FALSE(compare::median_ratio(two, {{0, 5, 6}}).interval);
}

TEST_CASE("quality is paired item by item") {
  const RunResults base = fixture_run();
  RunResults candidate = base;
  std::vector<AnswerRecord>& answers = candidate.trials[4].answers;
  // Task 1: right on items 0..7. One lost, one won, one of another prompt, one missing.
  answers[0].score = 0;
  answers[18].score = 1;
  answers[2].prompt_hash = "other";
  answers.erase(answers.begin() + 4);
  const std::vector<Table> tables = compare_runs(base, candidate);
  const Table& quality = tables[1];
  CHECK(text(quality, 0, "task") == "niah|<single>");
  CHECK(integer(quality, 0, "items") == 8);
  CHECK(integer(quality, 0, "items_better") == 1);
  CHECK(integer(quality, 0, "items_worse") == 1);
  CHECK(is_close(number(quality, 0, "base_score"), 75));
  CHECK(is_close(number(quality, 0, "difference"), 0));
  CHECK(number(quality, 0, "difference_low") < 0);
  CHECK(number(quality, 0, "difference_high") > 0);
  CHECK(text(quality, 2, "task") == "mean of 2 tasks");
  std::string reasons;
  for (std::size_t row = 0; row < tables[2].rows.size(); ++row) {
    reasons += text(tables[2], row, "reason") + "\n";
  }
  CHECK(contains(reasons, "1 items are not in the candidate"));
  CHECK(contains(reasons, "1 items have other prompts"));

  const Table again = compare_runs(base, candidate)[1];
  CHECK(number(again, 0, "difference_low") == number(quality, 0, "difference_low"));
  CHECK(contains(notes_of(quality), "10000 resamples, seed 1"));
}

TEST_CASE("the paired interval is the binomial one where all differences are equal or none") {
  // 100 items, 30 lost: the mean difference is -0.3 with a standard error of sqrt(0.3 * 0.7 / 100).
  RunResults base = fixture_run();
  base.trials[4].answers.clear();
  for (int i = 0; i < 100; ++i) {
    base.trials[4].answers.push_back({std::to_string(i), "t", "h", 1, 1, "x", "stop", 1.0});
  }
  RunResults candidate = base;
  for (std::size_t i = 0; i < 30; ++i) candidate.trials[4].answers[i].score = 0;
  const Table quality = compare_runs(base, candidate)[1];
  CHECK(is_close(number(quality, 0, "difference"), -30));
  const double half = 196 * std::sqrt(0.3 * 0.7 / 100);
  CHECK(std::abs(number(quality, 0, "difference_low") - (-30 - half)) < 1.5);
  CHECK(std::abs(number(quality, 0, "difference_high") - (-30 + half)) < 1.5);
}

TEST_CASE("equal differences have an interval without width, for odd counts too") {
  for (const int count : {1, 2, 3, 7}) {
    CAPTURE(count);
    RunResults base = fixture_run();
    base.trials[4].answers.clear();
    for (int i = 0; i < count; ++i) {
      base.trials[4].answers.push_back({std::to_string(i), "t", "h", 1, 1, "x", "stop", 1.0});
    }
    RunResults candidate = base;
    for (AnswerRecord& answer : candidate.trials[4].answers) answer.score = 0.5;
    const Table quality = compare_runs(base, candidate)[1];
    CHECK(is_close(number(quality, 0, "difference_low"), -50));
    CHECK(is_close(number(quality, 0, "difference_high"), -50));
  }
}

TEST_CASE("a task without a common item is no part of the mean") {
  RunResults base = fixture_run(), candidate = base;
  const Table before = compare_runs(base, candidate)[1];
  base.trials[4].answers.push_back({"item", "third", "one", 1, 1, "x", "stop", 1.0});
  candidate.trials[4].answers.push_back({"item", "third", "other", 1, 1, "x", "stop", 1.0});
  const Table quality = compare_runs(base, candidate)[1];
  CHECK(quality.rows.size() == before.rows.size());
  CHECK(text(quality, 2, "task") == "mean of 2 tasks");
  CHECK(number(quality, 2, "base_score") == number(before, 2, "base_score"));
  CHECK(number(quality, 2, "candidate_score") == number(before, 2, "candidate_score"));
}

TEST_CASE("an item asked in several trials counts once, with its mean score") {
  const RunResults base = fixture_run();
  RunResults candidate = base;
  TrialRecord again = candidate.trials[4];
  again.repeat = 1;
  REQUIRE(again.answers[0].score == 1.0);
  again.answers[0].score = 0;
  candidate.trials.push_back(again);
  const Table quality = compare_runs(base, candidate)[1];
  CHECK(integer(quality, 0, "items") == 10);
  CHECK(integer(quality, 0, "items_worse") == 1);
  CHECK(is_close(number(quality, 0, "difference"), -5));  // half an item of ten
}

TEST_CASE("cells without a readable form pair by their ids alone") {
  RunResults base = fixture_run(), candidate = fixture_run();
  base.plan[1].cell.canonical_json = candidate.plan[1].cell.canonical_json = "none";
  candidate.plan[1].cell.cell_id = candidate.trials[1].cell_id = "another";
  CompareOptions options;
  options.ignored_keys = {"pattern"};
  const auto tables = compare_runs(base, candidate, options);
  std::string reasons;
  for (std::size_t row = 0; row < tables[2].rows.size(); ++row) {
    reasons += text(tables[2], row, "reason") + "\n";
  }
  CHECK(contains(reasons, "the base has no such cell"));
  CHECK(contains(reasons, "the candidate has no such cell"));
}

TEST_CASE("cells pair across keys that are said not to matter, or say why not") {
  RunResults base = fixture_run(), candidate = fixture_run();
  base.plan.resize(1);       // FFFF
  candidate.plan.resize(2);  // FFFF, FSFS
  candidate.plan.erase(candidate.plan.begin());
  const auto exact = compare_runs(base, candidate);
  CHECK(exact[0].rows.empty());
  REQUIRE(exact[2].rows.size() == 2);
  CHECK(text(exact[2], 0, "reason") == "the base has no such cell");
  CHECK(text(exact[2], 1, "reason") == "the candidate has no such cell");

  CompareOptions options;
  options.ignored_keys = {"pattern"};
  const auto loose = compare_runs(base, candidate, options);
  REQUIRE(loose[0].rows.size() == 2);
  CHECK(text(loose[0], 0, "base_pattern") == "FFFF");
  CHECK(text(loose[0], 0, "candidate_pattern") == "FSFS");
  CHECK(is_close(number(loose[0], 0, "ratio"), 0.5));
  CHECK(loose[2].rows.empty());

  // Cells of one id are a pair, however many others are alike.
  CHECK(compare_runs(fixture_run(), fixture_run(), options)[0].rows.size() == 4);

  base = fixture_run();
  base.plan.erase(base.plan.begin() + 1);  // FFFF, FSSS and FSSF of this suite remain
  const auto several = compare_runs(base, candidate, options);
  CHECK(several[0].rows.empty());
  CHECK(contains(text(several[2], 0, "reason"), "3 cells of the base agree but for pattern"));

  options.ignored_keys = {"colour"};
  CHECK(contains(message_of<InvalidArgument>([&] { compare_runs(base, candidate, options); }),
                 "colour"));
  CompareOptions few;
  few.num_resamples = 10;
  CHECK_THROWS_AS(compare_runs(base, candidate, few), InvalidArgument);
}

TEST_CASE("comparisons are as approved") {
  const RunResults base = fixture_run();
  RunResults candidate = fixture_run_of_schema_2();
  for (MetricSamples& metric : candidate.trials[0].metrics) {
    if (metric.unit != "ns") continue;
    for (std::int64_t& value : metric.values) value = value * 9 / 10;
  }
  candidate.trials[0].metrics[2].values = {2 * 1024 * 1024};
  candidate.trials[4].answers[0].score = 0;
  candidate.trials[4].answers[6].prompt_hash = "other";
  candidate.trials[1].metrics.pop_back();
  // Rounded: the last bits of a logarithm are the C library's.
  check_approved("compare.md", render(TableFormat::markdown, compare_runs(base, candidate)));
}

TEST_CASE("random runs always compare") {
  DSABENCH_SEEDED(random);
  CompareOptions options;
  options.num_resamples = 100;
  for (int round = 0; round < 10; ++round) {
    RunResults runs[2];
    const auto plan = random_plan(random, 4);
    for (RunResults& results : runs) {
      results = {random_run(random), plan, {}};
      for (const PlannedCell& planned : plan) {
        TrialRecord trial = random_trial(random, results.run.run_id, planned.cell.cell_id, 0);
        trial.outcome = TrialOutcome::ok;
        results.trials.push_back(trial);
      }
    }
    for (const Table& table : compare_runs(runs[0], runs[1], options)) {
      for (const auto& row : table.rows) CHECK(row.size() == table.columns.size());
      CHECK_FALSE(render_markdown(table).empty());
    }
  }
}

}  // namespace
}  // namespace dsabench::test
