#include "results/compare_groups.h"

#include <cmath>

#include "kernels/base/error.h"
#include "results/identity.h"
#include "results/report/render.h"
#include "tests/results/approved_files.h"
#include "tests/results/fixture_run.h"
#include "tests/results/random_records.h"
#include "tests/results/table_fields.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"

namespace dsabench::test {
namespace {

std::string reasons_of(const Table& unmatched) {
  std::string all;
  for (std::size_t row = 0; row < unmatched.rows.size(); ++row) {
    all += text(unmatched, row, "pattern") + " " + text(unmatched, row, "side") + ": " +
           text(unmatched, row, "reason") + "\n";
  }
  return all;
}
std::vector<Table> by(GroupBy group_by, const std::vector<RunResults>& runs,
                      std::vector<std::string> ignored = {}) {
  CompareGroupsOptions options;
  options.by = group_by;
  options.ignored_keys = std::move(ignored);
  return compare_groups(runs, options);
}

/// The fixture on one machine, with ceilings and declared work.
RunResults run_on(const std::string& machine_json, double faster, std::int64_t number) {
  RunResults results = fixture_run_of_schema_4();
  RunRecord& run = results.run;
  run.run_id.back() = static_cast<char>('0' + number);
  run.started_ms += 1000 * number;
  run.status = "done";
  run.mixed = false;
  run.continuations.clear();
  run.ceilings.pop_back();
  run.machine_json = machine_json;
  run.machine_id = content_hash(machine_json);
  for (Ceiling& ceiling : run.ceilings) {
    ceiling.work = std::llround(static_cast<double>(ceiling.work) * faster);
  }
  for (TrialRecord& trial : results.trials) {
    trial.run_id = run.run_id;
    trial.machine_id.clear();
    for (MetricSamples& metric : trial.metrics) {
      if (metric.unit != "ns") continue;
      for (std::int64_t& value : metric.values) {
        value = std::llround(static_cast<double>(value) / faster);
      }
    }
  }
  return results;
}
constexpr const char* kSlow = R"({"cpu_model":"Slow CPU","threads":4})";
constexpr const char* kFast = R"({"cpu_model":"Fast CPU","threads":8})";

void set_build(RunResults& results, const std::string& commit) {
  results.run.build_json = R"({"git_commit":")" + commit + R"(","git_dirty":false})";
  results.run.build_id = content_hash(results.run.build_json);
}

/// Changes a field of all cells in both of its places.
void set_key(RunResults& results, const std::string& member, const std::string& value) {
  for (PlannedCell& planned : results.plan) {
    CellRecord& cell = planned.cell;
    const std::string old_id = cell.cell_id;
    cell.canonical_json.insert(1, "\"" + member + "\":\"" + value + "\",");
    cell.cell_id = content_hash(cell.canonical_json);
    if (member == "dtype") cell.dtype = value;
    if (member == "device_kind") cell.device_kind = value;
    for (TrialRecord& trial : results.trials) {
      if (trial.cell_id == old_id) trial.cell_id = cell.cell_id;
    }
  }
}

TEST_CASE("groups have names, and others are refused") {
  CHECK(parse_group_by("device") == GroupBy::device);
  CHECK(parse_group_by("commit") == GroupBy::commit);
  CHECK(parse_group_by("pattern") == GroupBy::pattern);
  CHECK(parse_group_by("model") == GroupBy::model);
  CHECK(message_of<InvalidArgument>([] { parse_group_by("colour"); }) ==
        "--by: expected device, commit, pattern, model, got 'colour'");
}

TEST_CASE("devices side by side by hand") {
  const std::vector<Table> tables = by(GroupBy::device, {run_on(kSlow, 1, 1), run_on(kFast, 4, 2)});
  REQUIRE(tables.size() == 4);
  for (const Table& table : tables) {
    for (const auto& row : table.rows) CHECK(row.size() == table.columns.size());
  }
  const Table &speed = tables[0], &ceilings = tables[3];
  REQUIRE(speed.rows.size() == 8);  // two cells, two times, two machines
  CHECK(text(speed, 0, "group") == "Slow CPU");
  CHECK(text(speed, 1, "group") == "Fast CPU");
  CHECK(text(speed, 1, "metric") == "prefill");
  CHECK(text(speed, 3, "metric") == "decode_step");
  CHECK(number(speed, 0, "ratio") == 1);
  CHECK(std::isnan(number(speed, 0, "ratio_low")));
  CHECK(is_close(number(speed, 0, "median_ms"), 100));
  CHECK(is_close(number(speed, 1, "median_ms"), 25));
  CHECK(is_close(number(speed, 1, "ratio"), 0.25));
  // Medians 100 (98 to 103) and a quarter of that, put together on the log scale.
  const double below = std::hypot(std::log(100.0 / 98), std::log(103.0 / 100));
  CHECK(is_close(number(speed, 1, "ratio_low"), 0.25 * std::exp(-below)));
  CHECK(is_close(number(speed, 1, "ratio_high"), 0.25 * std::exp(below)));
  CHECK(is_close(number(speed, 1, "tokens_per_s"), 2 * 2048 / 0.025));
  CHECK(is_close(number(speed, 3, "tokens_per_s"), 2 / 0.001));
  // 2e12 FLOP at each machine's own rate: 40 ms of 100, and 10 of 25.
  CHECK(is_close(number(speed, 0, "matrix_percent"), 40));
  CHECK(is_close(number(speed, 1, "matrix_percent"), 40));
  CHECK(std::isnan(number(speed, 3, "matrix_percent")));  // of decode no share is given
  CHECK(is_close(number(speed, 0, "power_w"), 650));
  CHECK(is_close(number(speed, 1, "joules_per_token"), 650 * 0.025 / 4096));
  CHECK(text(speed, 1, "machine_id") == content_hash(kFast));
  CHECK(text(speed, 1, "run") == run_on(kFast, 1, 2).run.run_id);
  CHECK(contains(notes_of(speed), "across machines there is no verdict"));
  CHECK(contains(notes_of(speed), content_hash(kFast) + ": Fast CPU, 8 threads"));
  CHECK(contains(notes_of(speed), "commit 0123456789abcdef with uncommitted changes"));
  CHECK_FALSE(contains(notes_of(speed), "older"));
  REQUIRE(ceilings.rows.size() == 4);  // copy and matrix_f32; e4m3 was not measured
  CHECK(text(ceilings, 0, "ceiling") == "copy");
  CHECK(is_close(number(ceilings, 0, "rate"), 4e12));
  CHECK(is_close(number(ceilings, 1, "ratio"), 4));
  CHECK(text(ceilings, 3, "rate_text") == "200 TFLOP/s");
  // The first run's machine is the one that others are held against.
  const Table turned = by(GroupBy::device, {run_on(kFast, 4, 2), run_on(kSlow, 1, 1)})[0];
  CHECK(text(turned, 0, "group") == "Fast CPU");
  CHECK(is_close(number(turned, 1, "ratio"), 4));
}

TEST_CASE("quality by device is item by item") {
  RunResults fast = run_on(kFast, 4, 2);
  fast.trials[4].answers[0].score = 0;  // one lost
  const Table quality = by(GroupBy::device, {run_on(kSlow, 1, 1), fast})[1];
  REQUIRE(quality.rows.size() == 6);  // two cells, two tasks and their mean
  CHECK(text(quality, 0, "group") == "Fast CPU");
  CHECK(text(quality, 0, "against") == "Slow CPU");
  CHECK(is_close(number(quality, 0, "base_score"), 80));
  CHECK(is_close(number(quality, 0, "difference"), -10));
  CHECK(std::get<std::int64_t>(field(quality, 0, "items_worse")) == 1);
}

TEST_CASE("no commit, pattern or model is set beside another machine's") {
  RunResults slow = run_on(kSlow, 1, 1), fast = run_on(kFast, 4, 2);
  set_build(fast, "fedcba98");
  const auto commits = by(GroupBy::commit, {slow, fast});
  CHECK(commits[0].rows.empty());
  CHECK(commits.size() == 3);
  CHECK(contains(reasons_of(commits[2]), "no other group has such a cell"));
  CHECK(contains(reasons_of(commits[2]), "the nearest differs in machine"));
  // Two patterns, each on a machine of its own.
  slow.plan = {slow.plan[0]};
  fast.plan = {fast.plan[1]};
  const auto patterns = by(GroupBy::pattern, {slow, fast});
  CHECK(patterns[0].rows.empty());
  CHECK(contains(reasons_of(patterns[2]), "the nearest differs in build, machine"));
}

TEST_CASE("commits side by side on one machine") {
  RunResults before = run_on(kSlow, 1, 1), after = run_on(kSlow, 2, 2);
  set_build(after, "fedcba9876543210");
  const Table speed = by(GroupBy::commit, {before, after})[0];
  REQUIRE(speed.rows.size() == 8);
  CHECK(text(speed, 0, "group") == "0123456789ab with changes");
  CHECK(text(speed, 1, "group") == "fedcba987654");
  CHECK(is_close(number(speed, 1, "ratio"), 0.5));
  CHECK(contains(notes_of(speed), "no verdict"));
  // One commit built twice: told apart by its build.
  after = run_on(kSlow, 2, 2);
  after.run.build_json = R"({"git_commit":"0123456789abcdef","git_dirty":true,"flags":"-O3"})";
  after.run.build_id = content_hash(after.run.build_json);
  const Table same = by(GroupBy::commit, {before, after})[0];
  CHECK(text(same, 0, "group") ==
        "0123456789ab with changes (build " + before.run.build_id.substr(0, 8) + ")");
  CHECK(text(same, 1, "group") ==
        "0123456789ab with changes (build " + after.run.build_id.substr(0, 8) + ")");
}

TEST_CASE("patterns of one run side by side, those with most Full layers first") {
  RunResults run = run_on(kSlow, 1, 1);
  std::swap(run.plan[0], run.plan[1]);
  const auto tables = by(GroupBy::pattern, {run});
  REQUIRE(tables.size() == 3);
  const Table& speed = tables[0];
  REQUIRE(speed.rows.size() == 4);
  CHECK(text(speed, 0, "group") == "FFFF");
  CHECK(text(speed, 1, "group") == "FSFS");
  CHECK(is_close(number(speed, 1, "ratio"), 0.5));
  CHECK(is_close(number(speed, 3, "ratio"), 0.8));
  REQUIRE(tables[1].rows.size() == 3);  // FSSS against FFFF
  CHECK(text(tables[1], 0, "group") == "FSSS");
  const std::string reasons = reasons_of(tables[2]);
  CHECK(contains(reasons, "FSSS FSSS: failed: out of memory"));
  CHECK(contains(reasons, "FSSF FSSF: incorrect: row 7 differs"));
  CHECK(contains(reasons, "FSFS FSFS: not run"));
  // A wrong cell's times are in no table.
  for (std::size_t row = 0; row < speed.rows.size(); ++row) {
    CHECK(text(speed, row, "group") != "FSSF");
  }
}

TEST_CASE("models of other depths pair by their retention") {
  RunResults small = run_on(kSlow, 1, 1), large = run_on(kSlow, 0.5, 2);
  for (PlannedCell& planned : large.plan) {
    CellRecord& cell = planned.cell;
    const std::string old_id = cell.cell_id, old_pattern = cell.pattern;
    cell.pattern += cell.pattern;
    cell.model = "large";
    const std::size_t at = cell.canonical_json.find(old_pattern);
    cell.canonical_json.replace(at, old_pattern.size(), cell.pattern);
    cell.canonical_json.insert(1, R"("config_hash":"abc","model":"large",)");
    cell.cell_id = content_hash(cell.canonical_json);
    for (TrialRecord& trial : large.trials) {
      if (trial.cell_id == old_id) trial.cell_id = cell.cell_id;
    }
  }
  const auto tables = by(GroupBy::model, {small, large});
  const Table& speed = tables[0];
  REQUIRE(speed.rows.size() == 8);
  CHECK(text(speed, 1, "group") == "large");
  CHECK(text(speed, 1, "pattern") == "FFFFFFFF");
  CHECK(is_close(number(speed, 1, "ratio"), 2));
  CHECK(text(speed, 5, "pattern") == "FSFSFSFS");
  CHECK(is_close(number(speed, 5, "ratio"), 2));
  // A pattern given by its letters has no retention to agree in.
  for (PlannedCell& planned : large.plan) {
    planned.nominal_retention.clear();
    planned.pattern_origin = "given";
  }
  CHECK(by(GroupBy::model, {small, large})[0].rows.empty());
}

TEST_CASE("of several runs of a cell the newest that is ok counts") {
  const RunResults old = run_on(kSlow, 1, 1), newer = run_on(kSlow, 2, 2);
  RunResults failed = run_on(kSlow, 8, 3);
  failed.trials[0].outcome = TrialOutcome::failed;
  failed.trials[0].reason = "broken";
  const RunResults fast = run_on(kFast, 4, 4);
  for (const auto& runs : {std::vector<RunResults>{old, newer, failed, fast},
                           std::vector<RunResults>{failed, newer, old, fast}}) {
    const auto tables = by(GroupBy::device, runs);
    const Table& speed = tables[0];
    REQUIRE(speed.rows.size() == 8);
    CHECK(text(speed, 0, "run") == newer.run.run_id);  // FFFF: the newest failed there
    CHECK(is_close(number(speed, 1, "ratio"), 0.5));
    CHECK(text(speed, 4, "run") == failed.run.run_id);  // FSFS
    CHECK(is_close(number(speed, 5, "ratio"), 2));
    CHECK_FALSE(contains(reasons_of(tables[2]), "broken"));
    // One of FFFF, two each of FSFS and of the two cells of answers.
    CHECK(contains(notes_of(speed), "the newest is shown: 7 older left out"));
  }
}

TEST_CASE("a run that was gone on with elsewhere counts where each cell was measured") {
  RunResults mixed = fixture_run_of_schema_4();
  mixed.run.status = "done";
  const std::string other = mixed.run.continuations[0].machine_id;
  for (const std::size_t trial : {1, 5}) mixed.trials[trial].machine_id = other;
  const auto tables = by(GroupBy::device, {mixed, run_on(kFast, 4, 4)});
  const Table& speed = tables[0];
  REQUIRE(speed.rows.size() == 8);
  CHECK(text(speed, 0, "group") == "Example CPU | 9000");
  CHECK(text(speed, 4, "group") == "Another CPU");
  CHECK(text(speed, 4, "machine_id") == other);
  CHECK(contains(notes_of(speed), other + ": Another CPU, 8 threads"));
  // Trials of one cell on both machines are one number of neither.
  TrialRecord again = mixed.trials[0];
  again.repeat = 1;
  again.machine_id = other;
  mixed.trials.push_back(again);
  const auto torn = by(GroupBy::device, {mixed, run_on(kFast, 4, 4)});
  CHECK(torn[0].rows.size() == 4);
  CHECK(contains(reasons_of(torn[2]), "its trials are of several machines or builds"));
}

TEST_CASE("machines that are called alike are told apart, and GPUs by their own names") {
  const std::string twin = R"({"cpu_model":"Slow CPU","threads":64})";
  const Table speed = by(GroupBy::device, {run_on(kSlow, 1, 1), run_on(twin, 2, 2)})[0];
  CHECK(text(speed, 0, "group") == "Slow CPU (machine " + content_hash(kSlow).substr(0, 8) + ")");
  CHECK(text(speed, 1, "group") == "Slow CPU (machine " + content_hash(twin).substr(0, 8) + ")");

  const std::string with_gpu = R"({"cpu_model":"Slow CPU","gpus":[{"name":"Example GPU"}]})";
  RunResults on_gpu = run_on(with_gpu, 4, 2), on_cpu = run_on(with_gpu, 1, 1);
  set_key(on_gpu, "device_kind", "cuda");
  const Table one_machine = by(GroupBy::device, {on_cpu, on_gpu})[0];
  REQUIRE(one_machine.rows.size() == 8);
  CHECK(text(one_machine, 0, "group") == "Slow CPU");
  CHECK(text(one_machine, 1, "group") == "Example GPU");
  // A machine that says nothing.
  const Table bare = by(GroupBy::device, {on_cpu, run_on("none", 2, 3)})[0];
  CHECK(text(bare, 1, "group") == "cpu");
}

TEST_CASE("what else differs is told, and may be ignored") {
  const RunResults slow = run_on(kSlow, 1, 1);
  RunResults fast = run_on(kFast, 4, 2);
  set_key(fast, "dtype", "bf16");
  const auto apart = by(GroupBy::device, {slow, fast});
  CHECK(apart[0].rows.empty());
  CHECK(contains(reasons_of(apart[2]),
                 "Fast CPU: no other group has such a cell; the nearest differs in dtype"));
  const Table together = by(GroupBy::device, {slow, fast}, {"dtype"})[0];
  REQUIRE(together.rows.size() == 8);
  CHECK(text(together, 1, "dtype") == "bf16");
  CHECK(contains(message_of<InvalidArgument>([&] {
                   by(GroupBy::device, {slow, fast}, {"colour"});
                 }),
                 "no cell has a field 'colour'"));
  // Two cells of a run that agree in all but what may differ: the first stands, the other is named.
  const auto ambiguous = by(GroupBy::device, {slow, run_on(kFast, 4, 3)}, {"pattern"});
  CHECK(contains(reasons_of(ambiguous[2]), "another cell of its run"));
}

TEST_CASE("runs of one group alone are refused") {
  CHECK(message_of<InvalidArgument>([] {
          by(GroupBy::device, {run_on(kSlow, 1, 1), run_on(kSlow, 2, 2)});
        }) == "compare: all cells are of one device: Slow CPU");
  CHECK(contains(message_of<InvalidArgument>([] { by(GroupBy::model, {}); }), "no cells"));
  CompareGroupsOptions few;
  few.num_resamples = 99;
  CHECK_THROWS_AS(compare_groups({run_on(kSlow, 1, 1)}, few), InvalidArgument);
}

TEST_CASE("comparisons by groups are as approved") {
  RunResults slow = run_on(kSlow, 1, 1), fast = run_on(kFast, 4, 2);
  fast.trials[4].answers[0].score = 0;
  // Rounded: the last bits of a logarithm are the C library's.
  check_approved("compare_by_device.md",
                 render(TableFormat::markdown, by(GroupBy::device, {slow, fast})));
  check_approved("compare_by_pattern.md",
                 render(TableFormat::markdown, by(GroupBy::pattern, {slow})));
}

TEST_CASE("random runs always compare by groups") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 10; ++round) {
    std::vector<RunResults> runs;
    const auto plan = random_plan(random, 4);
    for (std::int64_t i = random.integer(1, 3); i > 0; --i) {
      RunResults& results = runs.emplace_back(RunResults{random_run(random), plan, {}});
      for (const PlannedCell& planned : plan) {
        TrialRecord trial = random_trial(random, results.run.run_id, planned.cell.cell_id, 0);
        if (random.integer(0, 2) > 0) trial.outcome = TrialOutcome::ok;
        results.trials.push_back(trial);
      }
    }
    if (random.integer(0, 1) == 0) runs.push_back(runs.front());
    for (const GroupBy group_by :
         {GroupBy::device, GroupBy::commit, GroupBy::pattern, GroupBy::model}) {
      CompareGroupsOptions options;
      options.by = group_by;
      options.num_resamples = 100;
      std::vector<Table> tables;
      try {
        tables = compare_groups(runs, options);
      } catch (const InvalidArgument& error) {
        CHECK(
            (contains(error.what(), "all cells are of one") || contains(error.what(), "no cell")));
        continue;
      }
      for (const Table& table : tables) {
        for (const auto& row : table.rows) CHECK(row.size() == table.columns.size());
      }
      CHECK_FALSE(render(TableFormat::json, tables).empty());
    }
  }
}

}  // namespace
}  // namespace dsabench::test
