#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "results/compare.h"
#include "results/compare_groups.h"
#include "results/exchange.h"
#include "results/identity.h"
#include "results/maintenance.h"
#include "results/report/html/report.h"
#include "results/report/render.h"
#include "results/store.h"
#include "tests/results/full_size.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"
#include "tests/support/sanitized.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

using Mode = ResultStore::Mode;

constexpr std::int64_t kCells = 20, kRepeats = 5, kItems = kSanitized ? 100 : 400;
constexpr double kLimitSeconds = 2.0;

/// Of a metric in a trial: two runs, two metrics make a million in all.
std::int64_t samples_per_trial() { return full_size() ? 2500 : kSanitized ? 30 : 125; }

std::vector<PlannedCell> speed_and_quality_plan() {
  std::vector<PlannedCell> plan;
  for (std::int64_t i = 0; i < kCells; ++i) {
    PlannedCell& planned = plan.emplace_back();
    CellRecord& cell = planned.cell;
    cell.pattern = "FSFS";
    cell.model = "builtin";
    cell.device_kind = "cpu";
    cell.suite = i % 10 == 0 ? "ruler" : "speed";
    cell.phase = i % 10 == 0 ? "generate" : "prefill+decode";
    cell.context_tokens = 1024 * (i + 1);
    cell.canonical_json = "{\"context_tokens\":" + std::to_string(cell.context_tokens) + "}";
    cell.cell_id = content_hash(cell.canonical_json);
    planned.position = i;
  }
  return plan;
}

TrialRecord trial_of(Random& random, const std::string& run_id, const PlannedCell& planned,
                     std::int64_t repeat) {
  TrialRecord trial;
  trial.run_id = run_id;
  trial.cell_id = planned.cell.cell_id;
  trial.repeat = repeat;
  trial.outcome = TrialOutcome::ok;
  trial.verification_json = trial.conditions_json = "{}";
  trial.metrics = {{"prefill", "ns", "lower", {}}, {"decode_step", "ns", "lower", {}}};
  for (MetricSamples& metric : trial.metrics) {
    for (std::int64_t i = 0; i < samples_per_trial(); ++i) {
      metric.values.push_back(random.integer(90'000'000, 110'000'000));
    }
  }
  for (std::int64_t i = 0; planned.cell.suite == "ruler" && i < kItems; ++i) {
    const std::string item = std::to_string(i);
    trial.answers.push_back({item, "niah", content_hash(item), 1000, 8,
                             "output " + std::to_string(random.integer(0, 1'000'000)), "stop",
                             static_cast<double>(random.integer(0, 1))});
  }
  return trial;
}

std::string write_run(Random& random, const std::string& path) {
  ResultStore store = ResultStore::open(path, Mode::read_write);
  RunRecord run;
  run.run_id = new_run_id();
  run.status = "done";
  run.machine_json = run.build_json = run.model_json = "{}";
  run.machine_id = run.build_id = run.model_id = content_hash("{}");
  const auto plan = speed_and_quality_plan();
  store.add_run(run, plan);
  for (const PlannedCell& planned : plan) {
    for (std::int64_t repeat = 0; repeat < kRepeats; ++repeat) {
      store.add_trial(trial_of(random, run.run_id, planned, repeat));
    }
  }
  return run.run_id;
}

/// The promise is of the promised size, on a machine that does nothing else.
bool in_time(double seconds) { return !full_size() || seconds < kLimitSeconds; }

/// Seconds that a call takes, printed at full size.
template <class Call>
double seconds_of(const char* what, Call&& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  if (full_size()) std::printf("%-24s %.3f s\n", what, taken.count());
  return taken.count();
}

TEST_CASE(
    "listing, comparison, report and export of a million samples take under two seconds each") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::string base, candidate;
  seconds_of("write", [&] {
    base = write_run(random, path);
    candidate = write_run(random, path);
  });
  const std::int64_t num_samples = 2 * kCells * kRepeats * 2 * samples_per_trial();
  CHECK((!full_size() || num_samples == 1'000'000));

  std::size_t num_runs = 0, num_patterns = 0;
  double seconds = seconds_of("list", [&] {
    const ResultStore store = ResultStore::open(path, Mode::read_only);
    num_runs = store.list_runs().size();
    num_patterns = store.list_patterns().size();
  });
  CHECK(in_time(seconds));
  CHECK(num_runs == 2);
  CHECK(num_patterns == 1);

  std::vector<Table> tables;
  std::string printed;
  seconds = seconds_of("compare", [&] {
    const ResultStore store = ResultStore::open(path, Mode::read_only);
    tables = compare_runs(store.load_run(base), store.load_run(candidate));
    printed = render(TableFormat::markdown, tables);
  });
  CHECK(in_time(seconds));
  CHECK(std::ssize(tables.at(0).rows) == 2 * kCells);
  CHECK(std::ssize(tables.at(1).rows) == kCells / 10);
  CHECK(tables.at(2).rows.empty());
  CHECK_FALSE(printed.empty());

  // One run as if of another machine.
  std::vector<RunResults> runs;
  seconds = seconds_of("compare --by device", [&] {
    const ResultStore store = ResultStore::open(path, Mode::read_only);
    runs = {store.load_run(base), store.load_run(candidate)};
    runs[1].run.machine_id = "another";
    tables = compare_groups(runs, {});
    printed = render(TableFormat::markdown, tables);
  });
  CHECK(in_time(seconds));
  CHECK(std::ssize(tables.at(0).rows) == 4 * kCells);
  CHECK(std::ssize(tables.at(1).rows) == kCells / 10);
  CHECK(tables.at(2).rows.empty());
  std::string page;
  seconds = seconds_of("report", [&] {
    const ResultStore store = ResultStore::open(path, Mode::read_only);
    page = report_page(load_report(store, {base, candidate}));
  });
  CHECK(in_time(seconds));
  CHECK(page.size() < 3'000'000);
  seconds = seconds_of("history", [&] {
    const ResultStore store = ResultStore::open(path, Mode::read_only);
    CHECK(store.load_histories(2).size() == std::size_t(2 * kCells));
  });
  CHECK(in_time(seconds));

  const std::string text = folder / "a.jsonl";
  std::int64_t num_rows = 0;
  seconds = seconds_of("export", [&] {
    std::ofstream out(text, std::ios::binary);
    num_rows = export_database(path, out);
  });
  CHECK(in_time(seconds));
  CHECK(num_rows > num_samples);

  std::size_t num_tried = 0;
  seconds = seconds_of("progress", [&] {
    num_tried = ResultStore::open(path, Mode::read_only).load_progress(base).tried.size();
  });
  CHECK(in_time(seconds));
  CHECK(num_tried == kCells * kRepeats);
  // These read and write all rows in a transaction; no bound is promised.
  ImportReport report;
  seconds_of("import", [&] {
    std::ifstream in(text, std::ios::binary);
    report = import_database(in, text, folder / "b.db");
  });
  CHECK(report.added.size() == 2);
  CHECK(report.num_rows == num_rows);
  CheckReport found;
  seconds_of("check", [&] { found = check_database(folder / "b.db"); });
  CHECK(found.clean());
  CHECK(found.num_samples == num_samples);
}

}  // namespace
}  // namespace dsabench::test
