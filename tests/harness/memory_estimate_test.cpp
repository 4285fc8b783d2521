/// What a cell takes before it takes it: never more than it really does, and what would fit.
#include "harness/plan/memory_estimate.h"

#include "engine/model/model_preset.h"
#include "harness/plan/layer_slice.h"
#include "harness/plan/value_lists.h"
#include "tests/harness/cli_calls.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::CliResult;
using test::contains;
using test::message_of;
using test::ScratchFolder;

const LoadedModel& tiny_model() {
  static const LoadedModel model = load_model(test::tiny_request());
  return model;
}

Cell tiny_cell(const std::string& pattern = "FSF") {
  Cell cell;
  cell.pattern = pattern;
  cell.context_tokens = 640;
  cell.chunk_tokens = 128;
  return cell;
}

TEST_CASE("the caches are counted as the engine allocates them") {
  for (const char* mode : {"exact", "fp8", "fp8_hadamard"}) {
    for (const bool dense : {false, true}) {
      CAPTURE(mode, dense);
      Cell cell = tiny_cell();
      cell.indexer_mode = mode;
      cell.dense_attention = dense;
      EngineOptions options;
      options.indexer_mode = parse_indexer_mode(mode);
      options.dense_attention = dense;
      Engine engine(tiny_model().config, tiny_model().weights, LayerPattern::from_letters("FSF"),
                    options);
      engine.add_sequence(cell.context_tokens);
      const CellMemory memory = estimate_memory(*tiny_model().config, cell);
      CHECK(memory.cache_bytes() <= engine.cache_bytes());
      CHECK(double(memory.cache_bytes()) >= 0.95 * double(engine.cache_bytes()));
    }
  }
}

TEST_CASE("bf16 halves a cell, a decode cell also holds its steps, a batch is that many") {
  const ModelConfig& config = *tiny_model().config;
  const Cell cell = tiny_cell();
  const CellMemory memory = estimate_memory(config, cell);
  CHECK(memory.scratch_bytes > 0);
  CHECK(memory.cached_tokens == 640);
  Cell other = cell;
  other.dtype = "bf16";
  CHECK(2 * estimate_memory(config, other).cache_bytes() == memory.cache_bytes());
  other = cell;
  other.phase = Phase::decode;
  other.decode_tokens = 16;
  CHECK(estimate_memory(config, other).cached_tokens == 640 + 64);  // whole blocks
  other.batch = 3;
  CHECK(estimate_memory(config, other).cached_tokens == 3 * (640 + 64));
  CHECK(estimate_memory(config, other).scratch_bytes == 3 * memory.scratch_bytes);
  other = cell;
  other.cache_format = "fp8";
  CHECK(estimate_memory(config, other).cache_bytes() < memory.cache_bytes());
  other = tiny_cell("FSS");
  CHECK(estimate_memory(config, other).cache_bytes() < memory.cache_bytes());
}

TEST_CASE("what cannot fit is refused with the bytes wanted, the bytes free and what would fit") {
  const ModelConfig& config = *tiny_model().config;
  const Cell cell = tiny_cell();
  const std::int64_t wanted = estimate_memory(config, cell).total_bytes();
  CHECK_NOTHROW(check_fits_memory(config, cell, wanted, "cpu"));
  CHECK_NOTHROW(check_fits_memory(config, cell, -1, "cpu"));
  try {
    check_fits_memory(config, cell, wanted - 1, "cuda:3");
    FAIL("one byte too few was let through");
  } catch (const OutOfMemory& error) {
    CHECK(error.bytes() == wanted);
    const std::string message = error.what();
    CHECK(contains(message, fmt::format("needs {} bytes", wanted)));
    CHECK(contains(message, fmt::format("{} bytes are free on cuda:3", wanted - 1)));
    CHECK(contains(message, "a context of about 576 tokens would fit"));
  }
  CHECK(contains(message_of<OutOfMemory>([&] { check_fits_memory(config, cell, 0, "cpu"); }),
                 "no context would fit"));
}

TEST_CASE("the longest context that fits is the longest") {
  const ModelConfig& config = *tiny_model().config;
  Cell cell = tiny_cell();
  for (const std::int64_t free : {100'000, 1'000'000, 3'456'789}) {
    CAPTURE(free);
    cell.context_tokens = longest_context(config, cell, free);
    CHECK(estimate_memory(config, cell).total_bytes() <= free);
    ++cell.context_tokens;
    CHECK(estimate_memory(config, cell).total_bytes() > free);
  }
  CHECK(longest_context(config, cell, std::int64_t{1} << 60) == config.max_positions);
}

TEST_CASE("of weights that do not fit, a slice that does is named, with every kind of layer") {
  struct Case {
    const char* model;
    std::int64_t gib;
  };
  for (const auto& [model, gib] :
       {Case{"glm-4.7-flash-dsa", 40}, Case{"glm-5", 139}, Case{"deepseek-v3.2", 139}}) {
    const ModelConfig config = preset_config(preset(model), {});
    const std::int64_t bytes = gib << 30;
    const std::string advice = advice_for_weights(config, 2, bytes, true);
    CAPTURE(model, advice);
    CHECK(contains(advice, fmt::format("of its {} layers would fit", config.num_layers)));
    const std::size_t begin = advice.find("--layers ") + 9;
    REQUIRE(begin > 9);
    const std::string text = advice.substr(begin, advice.find(", from", begin) - begin);
    const std::vector<std::int64_t> layers = parse_layers("--layers", text);
    const double taken = 2.0 * double(slice_config(config, layers).num_parameters());
    CHECK(taken <= 0.9 * double(bytes));
    CHECK(taken >= 0.7 * double(bytes));
    const LayerPattern quarter = LayerPattern::uniform(config.num_layers, {1, 4});
    CHECK_NOTHROW(make_slice(config, quarter, layers, "retention 1/4"));
    CHECK_FALSE(contains(advice_for_weights(config, 2, bytes, false), "--layers"));
  }
  const ModelConfig config = preset_config(preset("glm-5"), {});
  CHECK(contains(advice_for_weights(config, 4, 1000, true), "not even one"));
  // Two layers with experts would fit, one of each kind would not.
  CHECK(contains(advice_for_weights(config, 2, std::int64_t{40} << 30, true),
                 "(--set num_hidden_layers="));
}

TEST_CASE("a sweep's cell that is too large fails with its message, and the others go on") {
  const ScratchFolder folder;
  ResultStore store = ResultStore::open(folder / "runs.db", ResultStore::Mode::read_write);
  std::ostringstream err;
  const auto progress = make_progress(ProgressMode::plain, err, {});
  SweepAxes axes;
  axes.suites = {&find_suite("speed")};
  axes.contexts = {64, 640, 96};
  axes.patterns = choose_patterns(*tiny_model().config, {"FSF"}, {}, std::nullopt);
  axes.phases = {Phase::prefill};
  axes.chunk_tokens = 32;
  const SweepPlan plan = make_sweep_plan(*tiny_model().config, axes);
  RunOptions options;
  options.limits.min_samples = options.limits.max_samples = 2;
  options.free_memory = [&](const LoadedModel& model) {
    return estimate_memory(*model.config, plan.entries[1].cell).total_bytes() - 1;
  };
  RunRecord run;
  run.machine_json = run.build_json = run.model_json = "{}";
  const RunSummary summary = Runner(tiny_model(), store, *progress, options).run(run, plan);
  CHECK(summary.num_ok == 2);
  CHECK(summary.num_failed == 1);
  const RunResults results = store.load_run(summary.run_id);
  CHECK(results.trials.at(1).outcome == TrialOutcome::failed);
  CHECK(contains(results.trials[1].reason, "out of memory: the cell needs"));
  CHECK(contains(results.trials[1].reason, "a context of about 576 tokens would fit"));
  CHECK(results.trials.at(2).outcome == TrialOutcome::ok);
}

TEST_CASE("a model whose weights cannot fit ends with exit code 5 and says what would fit") {
  const ScratchFolder folder;
  const CliResult result = call_cli({"run", "--model", "glm-5", "--context", "1024", "--db",
                                     folder / "runs.db", "--progress", "off"});
  CAPTURE(result.err);
  CHECK(result.code == 5);
  CHECK(contains(result.err, "bytes for its weights in f32"));
  CHECK(contains(result.err, "bytes are free on cpu"));
  const bool advises = contains(result.err, "layers would fit (--") ||
                       contains(result.err, "not even one of its layers");
  CHECK(advises);
}

}  // namespace
}  // namespace dsabench
