/// As many sequences as memory holds: never more than fit, and the number is what the cell holds.
#include "harness/plan/full_batch.h"

#include <nlohmann/json.hpp>

#include "engine/model/model_preset.h"
#include "harness/plan/memory_estimate.h"
#include "harness/plan/plan_file.h"
#include "harness/run/peak_memory.h"
#include "tests/harness/cli_calls.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::CliResult;
using test::contains;
using test::ScratchFolder;

ModelConfig tiny_config() { return resolve_model_config(test::tiny_request()); }

Cell decode_cell(const std::string& pattern) {
  Cell cell;
  cell.pattern = pattern;
  cell.phase = Phase::decode;
  cell.context_tokens = 640;
  cell.decode_tokens = 16;
  cell.prompts = kOnePrompt;
  return cell;
}

TEST_CASE("a full batch is the largest that fits") {
  DSABENCH_SEEDED(random);
  const ModelConfig config = tiny_config();
  for (int i = 0; i < 50; ++i) {
    Cell cell = decode_cell(random.integer(0, 1) == 0 ? "FSF" : "FFF");
    cell.prompts = random.integer(0, 1) == 0 ? kOnePrompt : "distinct";
    cell.context_tokens = random.integer(1, 5000);
    const BatchRoom room{random.integer(0, 300'000'000), ""};
    cell.batch = full_batch(config, cell, room);
    CAPTURE(canonical_json(cell), room.bytes);
    const auto fits = [&] { return estimate_memory(config, cell).total_bytes() <= room.bytes; };
    CHECK((cell.batch >= 1 && cell.batch <= kMaxFullBatch));
    CHECK((fits() || cell.batch == 1));
    ++cell.batch;
    CHECK((!fits() || cell.batch > kMaxFullBatch));
  }
}

TEST_CASE("a batch of one prompt needs the intermediate results of one chunk") {
  const ModelConfig config = tiny_config();
  Cell cell = decode_cell("FSF");
  cell.chunk_tokens = 128;
  cell.batch = 100;
  const CellMemory one = estimate_memory(config, cell);
  cell.prompts = "distinct";
  const CellMemory distinct = estimate_memory(config, cell);
  CHECK(distinct.cache_bytes() == one.cache_bytes());
  CHECK(distinct.scratch_bytes == 100 * one.scratch_bytes);
  cell.prompts = kOnePrompt;
  cell.batch = 256;  // a step has more rows than a chunk
  CHECK(estimate_memory(config, cell).scratch_bytes == 2 * one.scratch_bytes);
}

TEST_CASE("what a full batch may take is a share of what is free beside the weights") {
  const BatchRoom room = batch_room(tiny_config(), test::tiny_request());
  CHECK(room.bytes > 0);
  CHECK(double(room.bytes) < 0.6 * double(available_memory_bytes()));
  CHECK(contains(room.text, "50 % of what is free on cpu beside the weights"));
  ModelConfig huge = preset_config(preset("glm-5"));
  CHECK(batch_room(huge, test::tiny_request()).bytes >= 0);
}

TEST_CASE("a plan's full batches differ by pattern, and a notice counts them") {
  const ModelConfig config = tiny_config();
  SweepAxes axes;
  axes.suites = {&find_suite("speed")};
  axes.contexts = {640};
  axes.patterns = choose_patterns(config, {"FFF", "FSS"}, {}, std::nullopt);
  axes.phases = {Phase::decode};
  axes.batches = {2, kFullBatch};
  Cell cell = decode_cell("FFF");
  cell.batch = 10;
  axes.room = {estimate_memory(config, cell).total_bytes(), "some room"};
  const SweepPlan plan = make_sweep_plan(config, axes);
  REQUIRE(plan.entries.size() == 4);
  CHECK(plan.entries[0].cell.batch == 2);
  CHECK(plan.entries[0].cell.prompts == "distinct");
  CHECK(plan.entries[2].cell.batch == 10);
  CHECK(plan.entries[2].cell.prompts == kOnePrompt);
  const std::int64_t most = plan.entries[3].cell.batch;
  CHECK(most > 10);
  REQUIRE(plan.notices.size() == 1);
  CHECK(contains(plan.notices[0], fmt::format("640 tokens: 10 to {} sequences (some room", most)));
}

TEST_CASE("run measures a full batch on the CPU from one prompt, verified, and proves its reuse") {
  const ScratchFolder folder;
  const CliResult result = call_cli(test::with_tiny_model("run", {"--db",
                                                                  folder / "runs.db",
                                                                  "--context",
                                                                  "64",
                                                                  "--pattern",
                                                                  "FSS",
                                                                  "--phase",
                                                                  "decode",
                                                                  "--batch",
                                                                  "max",
                                                                  "--decode-tokens",
                                                                  "2",
                                                                  "--min-samples",
                                                                  "1",
                                                                  "--max-samples",
                                                                  "1",
                                                                  "--max-warmups",
                                                                  "1",
                                                                  "--progress",
                                                                  "plain"}));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  CHECK(contains(result.err, "batch max at 64 tokens: "));
  const ResultStore store = ResultStore::open(folder / "runs.db", ResultStore::Mode::read_only);
  const RunResults results = store.load_run(store.list_runs().at(0).run_id);
  const Cell cell = parse_canonical_cell(results.plan.at(0).cell.canonical_json);
  CHECK((cell.batch > 1 && cell.batch <= kMaxFullBatch));
  CHECK(cell.prompts == kOnePrompt);
  const TrialRecord& trial = results.trials.at(0);
  CHECK(trial.outcome == TrialOutcome::ok);
  for (const LayerRuns& layer : trial.layer_runs) CHECK(layer.runs == layer.expected);
  for (const MetricSamples& metric : trial.metrics) {
    if (metric.name == "expert_load_max_over_mean_ppm") {
      // 2 of 4 experts a token: from one and the same token, all rows would load the same two.
      CHECK(metric.values.at(0) < 1'999'999);
    }
    if (metric.name == "cache_bytes") {
      CHECK(metric.values.at(0) == estimate_memory(tiny_config(), cell).cache_bytes());
    }
  }
}

TEST_CASE("max is a batch on the command line and in plan files, and nothing else") {
  const RunPlan plan = parse_plan_file(
      "plan.json", R"({"model": "demo", "sweeps": [{"context": 64, "batch": ["max", 3]}]})");
  CHECK(plan.sweep.entries.at(1).cell.prompts == kOnePrompt);
  CHECK(plan.sweep.entries.at(2).cell.batch == 3);
  for (const char* option : {"--context", "--chunk", "--decode-tokens"}) {
    const CliResult result = call_cli({"run", "--model", "demo", option, "max"});
    CHECK(result.code == 2);
    CHECK(test::is_error_line(result.err, option));
  }
  CHECK(call_cli({"run", "--model", "demo", "--batch", "most"}).code == 2);
  const CliResult absent =
      call_cli({"run", "--model", "demo", "--batch", "max", "--device", "cuda:99", "--dry-run"});
  CHECK(absent.code == 2);
  CHECK(test::is_error_line(absent.err, "cuda:99"));
}

}  // namespace
}  // namespace dsabench
