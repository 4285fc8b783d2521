/// What holds of engines on a GPU alone: bf16, generated weights, counters, clocks and memory
/// there.
#include <cmath>
#include <set>

#include "engine/model/model_preset.h"
#include "engine/model/shape_weights.h"
#include "kernels/base/float_formats.h"
#include "kernels/cuda/device_queue.h"
#include "tests/support/catch.h"
#include "tests/support/compare.h"
#include "tests/support/engine_runs.h"

namespace dsabench::test {
namespace {

DeviceQueue& queue() { return *cuda::device_queue({Device::Kind::cuda, 0}); }

Engine bf16_engine(const RandomModel& model, const LayerPattern& pattern,
                   const EngineOptions& options) {
  return Engine(model.config, placed_copy(*model.weights, {&queue(), DType::bf16}), pattern,
                options);
}
Engine host_engine(const RandomModel& model, const LayerPattern& pattern,
                   const EngineOptions& options) {
  return Engine(model.config, model.weights, pattern, options);
}

/// A model without choices that a rounding could turn over: every key is attended and there are no
/// experts, so that outputs are continuous in every value.
RandomModel smooth_model(Random& random) {
  ModelConfig config = random_config(random, random_family(random));
  config.is_moe.assign(config.is_moe.size(), false);
  config.index_top_k = config.max_positions;
  Weights weights = random_weights(random, config);
  return {std::make_shared<const ModelConfig>(std::move(config)),
          std::make_shared<const Weights>(std::move(weights))};
}

/// Some tens of roundings of 2^-9 each, of which most average out.
constexpr double kBf16Tolerance = 6e-2;

TEST_CASE("cuda: an engine in bf16 computes what the CPU does from the same rounded weights") {
  DSABENCH_SEEDED(random);
  const RandomModel model = rounded_to_bf16(smooth_model(random));
  const auto pattern = random_pattern(random, model.config->num_layers);
  const auto prompt = random_tokens(random, *model.config, random.integer(20, 90));
  for (const auto mode : {IndexerMode::exact, IndexerMode::fp8, IndexerMode::fp8_hadamard}) {
    EngineOptions options = chunked(random.integer(5, 40));
    options.indexer_mode = mode;
    CAPTURE(indexer_mode_name(mode), options.chunk_tokens);
    Engine host = host_engine(model, pattern, options);
    Engine device = bf16_engine(model, pattern, options);
    CHECK(device.dtype() == DType::bf16);
    CHECK(device.cache(device.add_sequence(4)).pool().latents(0).dtype() == DType::bf16);
    const Tensor expected = prefill_all(host, prompt);
    check_close(prefill_all(device, prompt).view(), expected.view(), kBf16Tolerance);
  }
}

TEST_CASE("cuda: bf16 keeps the invariances of chunks, batches and decode") {
  DSABENCH_SEEDED(random);
  const RandomModel model = smooth_model(random);
  const auto pattern = random_pattern(random, model.config->num_layers);
  std::vector<std::vector<std::int32_t>> prompts;
  for (int i = 0; i < 3; ++i) {
    prompts.push_back(random_tokens(random, *model.config, random.integer(12, 70)));
  }
  Engine whole = bf16_engine(model, pattern, one_shot());
  Engine cut = bf16_engine(model, pattern, chunked(random.integer(3, 11)));
  std::vector<SequenceTokens> batch;
  std::vector<std::int64_t> sequences;
  std::vector<std::int32_t> last;
  for (const auto& prompt : prompts) {
    sequences.push_back(cut.add_sequence(0));
    batch.push_back({sequences.back(), std::span(prompt).first(prompt.size() - 1)});
    last.push_back(prompt.back());
  }
  cut.prefill(batch, LogitRows::last, {});
  Tensor logits = logits_tensor(cut, std::ssize(prompts));
  cut.decode(sequences, last, logits);
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    CAPTURE(p, prompts[p].size());
    const Tensor alone = prefill_all(whole, prompts[p]);
    check_close(logits.view().rows(static_cast<std::int64_t>(p), 1),
                ConstTensorView(alone.view().rows(std::ssize(prompts[p]) - 1, 1)), kBf16Tolerance);
  }
}

TEST_CASE("cuda: a repeated run in bf16 is the same bit for bit, selections included") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const auto prompt = random_tokens(random, *model.config, model.config->index_top_k + 40);
  const auto other = random_tokens(random, *model.config, 50);
  for (const auto mode : {IndexerMode::exact, IndexerMode::fp8}) {
    EngineOptions options = chunked(random.integer(5, 50));
    options.indexer_mode = mode;
    Engine engine = bf16_engine(model, random_pattern(random, model.config->num_layers), options);
    const Tensor first = prefill_all(engine, prompt);
    prefill_all(engine, other);
    CHECK(same_bits(first.view(), prefill_all(engine, prompt).view()));
  }
}

TEST_CASE("cuda: counters are the device's, and stage times add up to the pass") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const ModelConfig& config = *model.config;
  const auto pattern = random_pattern(random, config.num_layers);
  Engine engine = bf16_engine(model, pattern, chunked(7));
  const auto tokens = random_tokens(random, config, 23);
  for (int round = 0; round < 2; ++round) {
    prefill_all(engine, tokens);
    CHECK(engine.num_forwards() == 4);
    CHECK(check_indexer_runs(pattern, 4, engine.indexer_runs(), false).empty());
    const HostView load = engine.expert_load();
    std::int64_t pairs = 0, mixtures = 0;
    for (std::int64_t l = 0; l < config.num_layers; ++l) {
      mixtures += config.is_moe[static_cast<std::size_t>(l)] ? 1 : 0;
      for (std::int64_t e = 0; e < config.num_experts; ++e) pairs += load.row<std::int64_t>(l)[e];
    }
    CHECK(pairs == mixtures * config.experts_per_token * std::ssize(tokens));
    const StageClock& clock = engine.stage_clock();
    std::int64_t sum = 0;
    for (int stage = 0; stage < kNumStages; ++stage) {
      sum += clock.nanoseconds(static_cast<Stage>(stage));
    }
    CHECK(sum == clock.total_nanoseconds());
    for (std::int64_t l = 0; l < config.num_layers; ++l) {
      CHECK((clock.nanoseconds(l, Stage::indexer_score) > 0) == pattern.is_full(l));
      CHECK(clock.nanoseconds(l, Stage::sparse_attention) > 0);
    }
    CHECK(clock.nanoseconds(-1, Stage::lm_head) > 0);
    engine.reset_counters();
    CHECK(clock.total_nanoseconds() == 0);
    CHECK(engine.num_forwards() == 0);
  }
}

/// Three sequences through prompts, steps of all and of some, a chunk between, forgotten tokens and
/// blocks that are taken on the way; all logits, and what the device counted, in order.
struct DecodeHistory {
  std::vector<Tensor> logits;
  std::vector<std::uint64_t> indexer_runs;
  std::vector<std::int64_t> expert_load;
};

DecodeHistory decode_history(Engine& engine, const std::vector<std::vector<std::int32_t>>& texts,
                             std::int64_t reserved) {
  DecodeHistory history;
  std::vector<std::int64_t> sequences;
  std::vector<std::size_t> done;
  for (const auto& text : texts) {
    sequences.push_back(engine.add_sequence(reserved));
    done.push_back(text.size() / 3);
    history.logits.push_back(
        prefill_all(engine, sequences.back(), {text.begin(), text.begin() + done.back()}));
  }
  engine.reset_counters();
  const auto steps = [&](std::vector<std::size_t> of, int count) {
    for (int step = 0; step < count; ++step) {
      std::vector<std::int64_t> chosen;
      std::vector<std::int32_t> tokens;
      for (const std::size_t s : of) {
        chosen.push_back(sequences[s]);
        tokens.push_back(texts[s].at(done[s]++));
      }
      Tensor logits = logits_tensor(engine, std::ssize(of));
      engine.decode(chosen, tokens, logits);
      history.logits.push_back(std::move(logits));
    }
  };
  steps({0, 1, 2}, 5);
  steps({2, 0}, 4);
  steps({0, 1, 2}, 4);
  const std::vector<std::int32_t> chunk(texts[1].begin() + done[1], texts[1].begin() + done[1] + 9);
  done[1] += chunk.size();
  history.logits.push_back(prefill_all(engine, sequences[1], chunk));
  steps({0, 1, 2}, 4);
  done[2] -= 3;
  engine.truncate(sequences[2], static_cast<std::int64_t>(done[2]));
  steps({0, 1, 2}, 6);
  steps({1}, 3);
  const auto runs = engine.indexer_runs();
  history.indexer_runs.assign(runs.begin(), runs.end());
  const HostView load = engine.expert_load();
  const auto* counts = load.all().data<std::int64_t>();
  history.expert_load.assign(counts, counts + load.num_elements());
  CHECK(check_indexer_runs(engine.pattern(), engine.num_forwards(), engine.indexer_runs(), false)
            .empty());
  return history;
}

TEST_CASE("cuda: decode steps replayed from graphs are those that are not, bit for bit") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const auto pattern = random_pattern(random, model.config->num_layers);
  std::vector<std::vector<std::int32_t>> texts;
  for (int i = 0; i < 3; ++i) {
    texts.push_back(random_tokens(random, *model.config, random.integer(110, 200)));
  }
  for (const auto mode : {IndexerMode::exact, IndexerMode::fp8}) {
    for (const bool reserved : {true, false}) {
      // Passes of one row are not steps where they are pieces of a prompt.
      EngineOptions options = chunked(random.choice<std::int64_t>({1, 2, 30}));
      options.indexer_mode = mode;
      options.block_order_seed = test_seed();
      CAPTURE(indexer_mode_name(mode), reserved, options.chunk_tokens);
      CHECK(options.record_steps);
      Engine graphs = bf16_engine(model, pattern, options);
      graphs.time_stages(random.integer(0, 1) == 1);
      options.record_steps = false;
      Engine plain = bf16_engine(model, pattern, options);
      const DecodeHistory a = decode_history(graphs, texts, reserved ? 256 : 0);
      const DecodeHistory b = decode_history(plain, texts, reserved ? 256 : 0);
      REQUIRE(a.logits.size() == b.logits.size());
      for (std::size_t i = 0; i < a.logits.size(); ++i) {
        CAPTURE(i);
        CHECK(same_bits(a.logits[i].view(), b.logits[i].view()));
      }
      CHECK(a.indexer_runs == b.indexer_runs);
      CHECK(a.expert_load == b.expert_load);
    }
  }
}

TEST_CASE(
    "cuda: logits that stay on the device are those that are copied, for decode and prefill") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const auto pattern = random_pattern(random, model.config->num_layers);
  const auto prompt = random_tokens(random, *model.config, random.integer(20, 60));
  Engine engine = bf16_engine(model, pattern, chunked(7));
  const std::int64_t copied = engine.add_sequence(256), kept = engine.add_sequence(256);
  Tensor there(DType::f32, {std::ssize(prompt), model.config->vocab_size}, &queue());
  there.poison();
  const SequenceTokens entry{kept, prompt};
  engine.prefill({&entry, 1}, LogitRows::all, there);
  const HostView kept_prompt(there);
  CHECK(same_bits(kept_prompt.all(), prefill_all(engine, copied, prompt).view()));
  Tensor row(DType::f32, {1, model.config->vocab_size}, &queue());
  for (const std::int32_t token : random_tokens(random, *model.config, 6)) {
    row.poison();
    engine.decode({&kept, 1}, {&token, 1}, row);
    const HostView kept_row(row);
    CHECK(same_bits(kept_row.all(), decode_one(engine, copied, token).view()));
  }
  CHECK(engine.length(kept) == engine.length(copied));
}

TEST_CASE("cuda: replayed steps are timed by stage where they are marked, and only there") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const auto pattern = random_pattern(random, model.config->num_layers);
  Engine engine = bf16_engine(model, pattern, one_shot());
  const std::int64_t sequence = engine.add_sequence(256);
  prefill_all(engine, sequence, random_tokens(random, *model.config, 40));
  const StageClock& clock = engine.stage_clock();
  for (const bool timed : {true, false, true}) {
    CAPTURE(timed);
    engine.time_stages(timed);
    decode_one(engine, sequence, 1);
    engine.reset_counters();
    std::int64_t before = 0;
    for (int replay = 0; replay < 3; ++replay) {
      decode_one(engine, sequence, 2);
      CHECK((clock.total_nanoseconds() > before) == timed);
      before = clock.total_nanoseconds();
    }
    for (std::int64_t l = 0; l < model.config->num_layers; ++l) {
      CHECK((clock.nanoseconds(l, Stage::indexer_score) > 0) == (timed && pattern.is_full(l)));
      CHECK((clock.nanoseconds(l, Stage::sparse_attention) > 0) == timed);
    }
  }
}

void check_same_values(const Tensor& device, const Tensor& host, bool stays_f32, DType dtype) {
  REQUIRE(device.empty() == host.empty());
  if (host.empty()) return;
  REQUIRE(device.device() == Device{Device::Kind::cuda, 0});
  REQUIRE(device.dtype() == (stays_f32 ? DType::f32 : dtype));
  const HostView read(device);
  const float* actual = read.all().data<float>();
  const float* expected = host.data<float>();
  std::int64_t differing = 0;
  for (std::int64_t i = 0; i < host.view().num_elements(); ++i) {
    const bool rounds = device.dtype() == DType::bf16;
    const float wanted = rounds ? bf16_to_f32(f32_to_bf16(expected[i])) : expected[i];
    differing += std::memcmp(&wanted, &actual[i], sizeof wanted) == 0 ? 0 : 1;
  }
  CHECK(differing == 0);
}

TEST_CASE("cuda: generated weights have the CPU's bits") {
  DSABENCH_SEEDED(random);
  const std::vector<ConfigOverride> overrides = {{"num_hidden_layers", "3"}, {"index_topk", "128"}};
  const ModelConfig config = preset_config(preset("demo"), overrides);
  const auto seed = static_cast<std::uint64_t>(random.integer(0, 1 << 30));
  for (const Picks picks : {Picks::planted, Picks::random}) {
    Weights host = generate_shape_weights(config, picks, seed);
    for (const DType dtype : {DType::f32, DType::bf16}) {
      CAPTURE(picks_name(picks), dtype_name(dtype), seed);
      Weights device = generate_shape_weights(config, picks, seed, {&queue(), dtype});
      CHECK(device.content_id == host.content_id);
      check_same_values(device.embedding, host.embedding, false, dtype);
      check_same_values(device.final_norm, host.final_norm, false, dtype);
      check_same_values(device.lm_head, host.lm_head, false, dtype);
      for (std::size_t l = 0; l < host.layers.size(); ++l) {
        std::vector<const Tensor*> expected;
        for_each_tensor(host.layers[l], [&](Tensor& t, bool) { expected.push_back(&t); });
        std::size_t at = 0;
        for_each_tensor(device.layers[l], [&](Tensor& tensor, bool stays_f32) {
          CAPTURE(l, at);
          check_same_values(tensor, *expected[at++], stays_f32, dtype);
        });
        CHECK(at == expected.size());
      }
    }
  }
}

TEST_CASE("cuda: memory that cannot be had is named with what is free, and nothing is lost") {
  const std::int64_t wanted = std::int64_t{1} << 50;
  const std::int64_t before = queue().free_bytes();
  try {
    const Tensor tensor(DType::u8, {wanted}, &queue());
    FAIL("a pebibyte was allocated");
  } catch (const OutOfMemory& error) {
    CHECK(error.bytes() == wanted);
    CHECK(contains(error.what(), std::to_string(wanted)));
    CHECK(contains(error.what(), "are free"));
  }
  CHECK(queue().free_bytes() >= before);
  Tensor small(DType::f32, {3}, &queue());
  small.fill_bytes(0);
  const HostView read(small);
  CHECK(read.all().data<float>()[2] == 0.0f);
  CHECK_THROWS_AS(cuda::device_queue({Device::Kind::cuda, 99}), UnsupportedDevice);
}

}  // namespace
}  // namespace dsabench::test
