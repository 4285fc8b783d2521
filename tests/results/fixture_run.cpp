#include "tests/results/fixture_run.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <utility>

#include "kernels/base/error.h"
#include "results/identity.h"

namespace dsabench::test {
namespace {

constexpr const char* kRunId = "01900000-0000-7000-8000-000000000001";

PlannedCell planned(std::int64_t position, const std::string& suite, const std::string& phase,
                    const std::string& pattern, const std::string& retention) {
  PlannedCell entry;
  CellRecord& cell = entry.cell;
  cell.canonical_json = "{\"batch\":2,\"context\":2048,\"pattern\":\"" + pattern +
                        "\",\"phase\":\"" + phase + "\",\"suite\":\"" + suite + "\"}";
  cell.cell_id = content_hash(cell.canonical_json);
  cell.model = "builtin";
  cell.pattern = pattern;
  cell.suite = suite;
  cell.phase = phase;
  cell.device_kind = "cpu";
  cell.dtype = "f32";
  cell.indexer_mode = "f32";
  cell.picks = "";
  cell.context_tokens = 2048;
  cell.batch = 2;
  entry.position = position;
  entry.nominal_retention = retention;
  entry.pattern_origin = retention.empty() ? "given" : "uniform";
  entry.dialect = "paper";
  return entry;
}

TrialRecord trial_of(const PlannedCell& cell, TrialOutcome outcome, const std::string& reason) {
  TrialRecord trial;
  trial.run_id = kRunId;
  trial.cell_id = cell.cell.cell_id;
  trial.started_ms = 1'700'000'000'100;
  trial.finished_ms = 1'700'000'001'000;
  trial.process_id = 4242;
  trial.outcome = outcome;
  trial.reason = reason;
  trial.stop_reason = "noise";
  trial.num_warmups = 2;
  trial.verification_json = "{\"rows\":8}";
  trial.conditions_json = "{\"load\":0.5}";
  return trial;
}

std::vector<StageTime> stages(const std::string& metric, std::int64_t indexer, std::int64_t rest) {
  return {{metric, 0, -1, "lm_head", rest},
          {metric, 0, 0, "indexer_proj", indexer},
          {metric, 0, 0, "indexer_score", indexer},
          {metric, 0, 0, "topk", indexer}};
}

TrialRecord speed_trial(const PlannedCell& cell, std::int64_t prefill_ns, std::int64_t step_ns,
                        std::int64_t indexer_ns) {
  TrialRecord trial = trial_of(cell, TrialOutcome::ok, "");
  trial.metrics = {{"prefill",
                    "ns",
                    "lower",
                    {prefill_ns, prefill_ns + 3'000'000, prefill_ns - 2'000'000, prefill_ns,
                     prefill_ns, prefill_ns + 1'000'000, prefill_ns - 1'000'000}},
                   {"decode_step", "ns", "lower", {step_ns, step_ns - 1000, step_ns + 1000}},
                   {"cache_bytes", "bytes", "exact", {3 * 1024 * 1024}},
                   {"topk_overlap_neighbour_queries_ppm", "count", "exact", {850'000}}};
  trial.stage_times = stages("decode", indexer_ns, 9 * indexer_ns);
  for (const StageTime& time : stages("prefill", indexer_ns, indexer_ns)) {
    trial.stage_times.push_back(time);
  }
  for (std::size_t layer = 0; layer < cell.cell.pattern.size(); ++layer) {
    const std::int64_t runs = cell.cell.pattern[layer] == 'F' ? 7 : 0;
    trial.layer_runs.push_back({static_cast<std::int64_t>(layer), runs, runs});
  }
  return trial;
}

TrialRecord quality_trial(const PlannedCell& cell, std::int64_t num_right) {
  TrialRecord trial = trial_of(cell, TrialOutcome::ok, "");
  for (std::int64_t i = 0; i < 10; ++i) {
    const std::string item = "item-" + std::to_string(i);
    trial.answers.push_back({item, "niah|<single>", content_hash(item), 2000, 8,
                             "the \"answer\" is 4'2\n🦉", "stop", i < num_right ? 1.0 : 0.0});
    trial.answers.push_back({item, "variable_tracking", content_hash(item), 2000, 8, "", "length",
                             i < num_right ? 0.25 : 0.5});
  }
  return trial;
}

}  // namespace

RunResults fixture_run() {
  RunResults results;
  RunRecord& run = results.run;
  run.run_id = kRunId;
  run.started_ms = 1'700'000'000'000;
  run.finished_ms = 1'700'000'100'000;
  run.status = "done";
  run.command_line = "dsabench run --model builtin --context 2048 --retention 1,1/2,1/4";
  run.tool_version = "0.1.0";
  run.machine_json = "{\"cpu_model\":\"Example CPU | 9000\",\"threads\":16}";
  run.machine_id = content_hash(run.machine_json);
  run.build_json = "{\"git_commit\":\"0123456789abcdef\",\"git_dirty\":true}";
  run.build_id = content_hash(run.build_json);
  run.model_json = "{\"name\":\"builtin\"}";
  run.model_id = content_hash(run.model_json);
  run.seed = 0xfedcba9876543210u;
  results.plan = {planned(0, "speed", "prefill+decode", "FFFF", "1"),
                  planned(1, "speed", "prefill+decode", "FSFS", "1/2"),
                  planned(2, "speed", "prefill+decode", "FSSS", "1/4"),
                  planned(3, "speed", "prefill+decode", "FSSF", ""),
                  planned(4, "ruler", "generate", "FFFF", "1"),
                  planned(5, "ruler", "generate", "FSSS", "1/4"),
                  planned(6, "ruler", "generate", "FSFS", "1/2")};
  results.trials = {speed_trial(results.plan[0], 100'000'000, 4'000'000, 5'000'000),
                    speed_trial(results.plan[1], 50'000'000, 3'200'000, 1'000'000),
                    trial_of(results.plan[2], TrialOutcome::failed,
                             "out of memory: <1 GiB> wanted\n\x1b[31m`rm -rf`"),
                    trial_of(results.plan[3], TrialOutcome::incorrect, "row 7 differs by 0.5"),
                    quality_trial(results.plan[4], 8),
                    quality_trial(results.plan[5], 3)};
  // The wrong cell was fast: no table may show it.
  results.trials[3].metrics = {{"prefill", "ns", "lower", {1'000'000}}};
  return results;
}

RunResults fixture_run_of_schema_2() {
  RunResults results = fixture_run();
  RunRecord& run = results.run;
  run.run_id = "01900000-0000-7000-8000-000000000002";
  run.status = "running";
  run.finished_ms = 0;
  run.plan_json = "{\"cells\":7,\"repeats\":1}";
  run.plan_id = content_hash(run.plan_json);
  run.mixed = true;
  Continuation next;
  next.started_ms = 1'700'000'200'000;
  next.command_line = "dsabench resume 0190 --new-machine";
  next.machine_json = "{\"cpu_model\":\"Another CPU\",\"threads\":8}";
  next.machine_id = content_hash(next.machine_json);
  next.build_json = run.build_json;
  next.build_id = run.build_id;
  run.continuations = {next};
  for (TrialRecord& trial : results.trials) trial.run_id = run.run_id;
  results.trials.back().machine_id = next.machine_id;
  return results;
}

RunResults fixture_run_of_schema_4() {
  RunResults results = fixture_run_of_schema_2();
  results.run.ceilings = {{-1, "copy", "bytes", 2'000'000'000, 500'000, "2 x 1 GB, median of 9"},
                          {-1, "matrix_f32", "FLOP", 2'000'000'000, 40'000, "1024^3"},
                          {-1, "matrix_f8_e4m3", "FLOP", 0, 0, "not measured: 64 bytes are free"},
                          {0, "matrix_f32", "FLOP", 2'000'000'000, 80'000, "1024^3"}};
  const std::int64_t capped = 0x4, none = 0;
  results.trials[0].device_samples = {{0, 1980, 3201, 600'000, 1'000'000, 55, none},
                                      {1'000'000'000, 1800, 3201, 690'000, 1'640'000, 60, capped},
                                      {2'000'000'000, 1740, 3201, 700'000, 2'300'000, 61, capped}};
  // Too short for the counter; and a driver that says little.
  results.trials[1].device_samples = {{0, 1980, -1, 500'000, 7, -1, -1},
                                      {1000, 1970, -1, 510'000, 7, -1, none}};
  for (const std::size_t trial : {0, 1}) {
    results.trials[trial].metrics.push_back({"matrix_work", "count", "exact", {2'000'000'000'000}});
    results.trials[trial].metrics.push_back({"matrix_work_f8", "count", "exact", {0}});
  }
  return results;
}

ComparisonRecord fixture_comparison() {
  ComparisonRecord comparison;
  comparison.comparison_id = "01900000-0000-7000-8000-00000000000c";
  comparison.kind = "ab";
  comparison.started_ms = 1'700'000'400'000;
  comparison.finished_ms = 1'700'000'500'000;
  comparison.status = "done";
  comparison.command_line = "dsabench ab --base ./old --candidate ./new";
  comparison.tool_version = "0.1.0";
  comparison.machine_id = fixture_run().run.machine_id;
  comparison.seed = 0xfedcba9876543210u;
  comparison.settings_json = "{\"looks\":[10,20,40,60]}";
  comparison.arms = {{Arm::base, "old", "./old", "[\"run\"]"},
                     {Arm::candidate, "new", "./new", "[\"run\"]"}};
  comparison.samples = {{0, 0, Arm::candidate, "01900000-0000-7000-8000-00000000000a"},
                        {0, 1, Arm::base, "01900000-0000-7000-8000-00000000000b"}};
  return comparison;
}

std::vector<BaselineRecord> fixture_baselines() {
  const ComparisonRecord comparison = fixture_comparison();
  const std::string run_a = comparison.samples[0].run_id, run_b = comparison.samples[1].run_id;
  return {{2, "main", 1'700'000'700'000, 1'700'000'800'000, "too hopeful", {run_a, run_b}},
          {1, "main", 1'700'000'600'000, 0, "", {run_b}}};
}

void write_fixture(const std::string& path) {
  if (current_schema_version() != 7) throw InvalidArgument("schema 7 can no longer be written");
  std::filesystem::remove(path);
  const std::string sample_path = path + ".sample";
  const RunResults results = fixture_run_of_schema_4();
  {
    ResultStore store = ResultStore::open(path, ResultStore::Mode::read_write);
    store.add_run(results.run, results.plan);
    for (const TrialRecord& trial : results.trials) store.add_trial(trial);
    store.begin_trial(results.run.run_id, results.plan.back().cell.cell_id, 0, 1'700'000'300'000);
    ComparisonRecord comparison = fixture_comparison();
    const auto samples = std::exchange(comparison.samples, {});
    store.add_comparison(comparison);
    for (const ComparisonSample& sample : samples) {
      RunRecord run = fixture_run().run;
      run.run_id = sample.run_id;
      ResultStore::open(sample_path, ResultStore::Mode::read_write).add_run(run, {});
      store.add_comparison_sample(comparison.comparison_id, sample, sample_path);
      for (const char* suffix : {"", "-wal", "-shm"}) {
        std::filesystem::remove(sample_path + suffix);
      }
    }
    const auto baselines = fixture_baselines();
    for (auto it = baselines.rbegin(); it != baselines.rend(); ++it) {
      store.promote_baseline(it->name, it->run_ids, it->note, it->promoted_ms);
    }
    store.retire_baseline("main", baselines.front().retired_ms);
  }
  SQLite::Database db(path, SQLite::OPEN_READWRITE);
  for (const std::string table : {"running_trial", "run_process"}) {
    db.exec("UPDATE " + table + " SET process_id = 4242, process_start = 7, boot_id = 'gone'");
  }
  db.exec("PRAGMA journal_mode = DELETE; PRAGMA page_size = 1024; VACUUM");
}

}  // namespace dsabench::test
