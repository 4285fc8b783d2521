/// The engine's edges: what it refuses, that a refusal changes nothing, and what it counts.
#include "engine/engine.h"

#include <chrono>
#include <limits>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/engine_runs.h"

namespace dsabench::test {
namespace {

RandomModel with_config(Random& random, ModelConfig config) {
  Weights weights = random_weights(random, config);
  return {std::make_shared<const ModelConfig>(std::move(config)),
          std::make_shared<const Weights>(std::move(weights))};
}

/// The same model without the indexers of `layers`.
RandomModel without_indexers(Random& random, const ModelConfig& config,
                             const std::vector<std::int64_t>& layers) {
  Weights weights = random_weights(random, config);
  for (const std::int64_t layer : layers) {
    weights.layers[static_cast<std::size_t>(layer)].attention.indexer.reset();
  }
  return {std::make_shared<const ModelConfig>(config),
          std::make_shared<const Weights>(std::move(weights))};
}

TEST_CASE("the constructor refuses what does not fit together") {
  DSABENCH_SEEDED(random);
  const ModelConfig config = random_config(random, random_family(random));
  const RandomModel model = with_config(random, config);
  const auto all_full = LayerPattern::all_full(config.num_layers);
  const auto refused = [&](const RandomModel& refused_model, const LayerPattern& pattern,
                           const EngineOptions& options) {
    return refusal([&] { Engine(refused_model.config, refused_model.weights, pattern, options); });
  };
  REQUIRE(refused(model, all_full, {}).empty());

  SECTION("no config, no weights") {
    CHECK_FALSE(refused({nullptr, model.weights}, all_full, {}).empty());
    CHECK_FALSE(refused({model.config, nullptr}, all_full, {}).empty());
  }
  SECTION("a pattern of another length") {
    const auto longer = LayerPattern::all_full(config.num_layers + 1);
    CHECK(contains(refused(model, longer, {}), longer.letters()));
  }
  SECTION("options") {
    EngineOptions options;
    options.chunk_tokens = 0;
    CHECK(contains(refused(model, all_full, options), "chunk_tokens is 0"));
    options = {};
    for (const double eps : {0.0, -1e-6, std::numeric_limits<double>::quiet_NaN()}) {
      options.latent_norm_eps = eps;
      CHECK(contains(refused(model, all_full, options), "latent_norm_eps"));
    }
  }
  SECTION("a Hadamard transform of a dimension that is no power of two") {
    ModelConfig odd = config;
    odd.index_dim = 48;
    const RandomModel odd_model = with_config(random, odd);
    EngineOptions options;
    options.indexer_mode = IndexerMode::fp8;
    CHECK(refused(odd_model, all_full, options).empty());
    options.indexer_mode = IndexerMode::fp8_hadamard;
    CHECK(contains(refused(odd_model, all_full, options), "48"));
  }
  SECTION("weights of another shape") {
    Weights weights = random_weights(random, config);
    weights.layers[1].attention.o_proj = random.normal_tensor({config.hidden_size, 3});
    const RandomModel wrong{model.config, std::make_shared<const Weights>(std::move(weights))};
    const std::string message = refused(wrong, all_full, {});
    CHECK(contains(message, "layer 1 o_proj"));
    CHECK(contains(message, fmt::format("[{}, 3]", config.hidden_size)));
  }
  SECTION("weights of another kind") {
    Weights weights = random_weights(random, config);
    LayerWeights& last = weights.layers.back();
    last.moe.reset();
    last.dense.emplace();
    const RandomModel wrong{model.config, std::make_shared<const Weights>(std::move(weights))};
    CHECK(contains(refused(wrong, all_full, {}), "mixture of experts"));
  }
  SECTION("weights in a type that the CPU does not compute in") {
    Weights weights = random_weights(random, config);
    weights.embedding = Tensor(DType::bf16, {config.vocab_size, config.hidden_size});
    const RandomModel wrong{model.config, std::make_shared<const Weights>(std::move(weights))};
    CHECK(contains(refused(wrong, all_full, {}), "bf16"));
  }
}

TEST_CASE("weights without an indexer serve Shared layers and are refused on Full ones") {
  DSABENCH_SEEDED(random);
  ModelConfig config = random_config(random, random_family(random));
  config.num_layers = 4;
  config.is_moe = {false, true, true, true};
  config.dense_intermediate_size = 32;
  const RandomModel model = without_indexers(random, config, {1, 3});
  const auto tokens = random_tokens(random, config, config.index_top_k + 8);

  Engine engine = make_engine(model, LayerPattern::from_letters("FSFS"), chunked(5));
  prefill_all(engine, tokens);
  CHECK(check_indexer_runs(engine.pattern(), engine.num_forwards(), engine.indexer_runs(), false)
            .empty());
  const std::string message =
      refusal([&] { make_engine(model, LayerPattern::from_letters("FFFS"), {}); });
  CHECK(contains(message, "layer 1"));

  EngineOptions dense;
  dense.dense_attention = true;
  Engine upper = make_engine(model, LayerPattern::all_full(4), dense);
  prefill_all(upper, tokens);
  for (const std::uint64_t runs : upper.indexer_runs()) CHECK(runs == 0);
}

TEST_CASE("what a call refuses leaves every sequence as it was") {
  DSABENCH_SEEDED(random);
  ModelConfig config = random_config(random, random_family(random));
  config.max_positions = 20;
  const RandomModel model = with_config(random, config);
  Engine engine = make_engine(model, random_pattern(random, config.num_layers), chunked(4));
  const std::int64_t a = engine.add_sequence(8), b = engine.add_sequence(0);
  const auto prompt = random_tokens(random, config, 9);
  prefill_all(engine, a, prompt);
  const std::int64_t forwards = engine.num_forwards();

  const auto good = random_tokens(random, config, 3);
  const auto too_many = random_tokens(random, config, 12);
  std::vector<std::int32_t> negative = good, beyond = good;
  negative[1] = -1;
  beyond[2] = static_cast<std::int32_t>(config.vocab_size);
  Tensor one = logits_tensor(engine, 1), two = logits_tensor(engine, 2);
  Tensor narrow(DType::f32, {2, config.vocab_size - 1});
  Tensor strided(DType::f32, {2, config.vocab_size + 1});

  struct Refused {
    const char* part;
    std::vector<SequenceTokens> batch;
    LogitRows which;
    TensorView logits;
  };
  const std::vector<Refused> cases = {
      {"no sequences", {}, LogitRows::last, {}},
      {"no sequence 77", {{a, good}, {77, good}}, LogitRows::last, two},
      {"twice", {{a, good}, {a, good}}, LogitRows::last, two},
      {"no tokens", {{a, good}, {b, {}}}, LogitRows::last, two},
      {"is -1", {{a, good}, {b, negative}}, LogitRows::last, two},
      {"vocabulary", {{b, beyond}}, LogitRows::last, one},
      {"holds 9 tokens and gets 12 more", {{b, good}, {a, too_many}}, LogitRows::last, two},
      {"logits", {{a, good}, {b, good}}, LogitRows::last, one},
      {"logits", {{a, good}}, LogitRows::all, one},
      {"logits", {{a, good}, {b, good}}, LogitRows::last, narrow},
      {"contiguous",
       {{a, good}, {b, good}},
       LogitRows::last,
       strided.view().columns(0, config.vocab_size)},
  };
  for (const Refused& refused : cases) {
    CAPTURE(refused.part);
    const std::string by_forward =
        refusal([&] { engine.forward(refused.batch, refused.which, refused.logits); });
    const std::string by_prefill =
        refusal([&] { engine.prefill(refused.batch, refused.which, refused.logits); });
    CHECK(contains(by_forward, refused.part));
    CHECK(by_prefill == by_forward);
    CHECK(engine.length(a) == 9);
    CHECK(engine.length(b) == 0);
    CHECK(engine.num_forwards() == forwards);
  }
  const std::vector<std::int64_t> both = {a, b};
  CHECK_FALSE(refusal([&] { engine.decode(both, {good.data(), 1}, {}); }).empty());
  CHECK_FALSE(refusal([&] { engine.remove_sequence(5); }).empty());
  CHECK_FALSE(refusal([&] { engine.length(-1); }).empty());
  CHECK_FALSE(refusal([&] { engine.add_sequence(-1); }).empty());
  CHECK_FALSE(refusal([&] { engine.add_sequence(21); }).empty());
  engine.remove_sequence(b);
  CHECK_FALSE(refusal([&] { engine.length(b); }).empty());
}

/// Throws in a chosen layer of a chosen pass.
class ThrowingObserver : public ForwardObserver {
 public:
  ThrowingObserver(int pass, std::int64_t layer) : pass_(pass), layer_(layer) {}
  void on_forward(std::span<const ForwardRows>, HostView) override { --pass_; }
  void on_layer(const LayerTrace& trace) override {
    if (pass_ < 0 && trace.layer == layer_) throw Interrupted("stopped");
  }
  void on_final_norm(HostView) override {}

 private:
  int pass_;
  std::int64_t layer_;
};

TEST_CASE("where a pass throws, lengths and later results are as if it had not begun") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const auto pattern = random_pattern(random, model.config->num_layers);
  const auto prompt = random_tokens(random, *model.config, 30);
  const auto more = random_tokens(random, *model.config, 13);
  Engine undisturbed = make_engine(model, pattern, chunked(5));
  const std::int64_t expected_sequence = undisturbed.add_sequence(0);
  prefill_all(undisturbed, expected_sequence, prompt);
  const Tensor expected = prefill_all(undisturbed, expected_sequence, more);

  Engine engine = make_engine(model, pattern, chunked(5));
  const std::int64_t sequence = engine.add_sequence(0);
  prefill_all(engine, sequence, prompt);
  for (int pass = 0; pass < 3; ++pass) {
    CAPTURE(pass);
    ThrowingObserver observer(pass, random.integer(0, model.config->num_layers - 1));
    CHECK_THROWS_AS(prefill_all(engine, sequence, more, &observer), Interrupted);
    CHECK(engine.length(sequence) == 30);
  }
  ThrowingObserver observer(0, model.config->num_layers - 1);
  const SequenceTokens entry{sequence, more};
  CHECK_THROWS_AS(engine.forward({&entry, 1}, LogitRows::last, {}, &observer), Interrupted);
  CHECK_THROWS_AS(decode_one(engine, sequence, more[0], &observer), Interrupted);
  CHECK(engine.length(sequence) == 30);
  CHECK(same_bits(prefill_all(engine, sequence, more).view(), expected.view()));
}

TEST_CASE("the stage clock stands still outside the passes, also after one that threw") {
  using Clock = std::chrono::steady_clock;
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  Engine engine = make_engine(model, LayerPattern::all_full(model.config->num_layers), {});
  const std::int64_t sequence = engine.add_sequence(0);
  const auto tokens = random_tokens(random, *model.config, 4);
  Clock::duration in_passes{};
  for (int round = 0; round < 3; ++round) {
    const auto begin = Clock::now();
    ThrowingObserver observer(0, 0);
    CHECK_THROWS_AS(prefill_all(engine, sequence, tokens, &observer), Interrupted);
    prefill_all(engine, sequence, tokens);
    in_passes += Clock::now() - begin;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const std::int64_t counted = engine.stage_clock().total_nanoseconds();
  CHECK(counted > 0);
  CHECK(counted <= std::chrono::nanoseconds(in_passes).count());
}

TEST_CASE("restore refuses another shape, pattern or mode") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const std::int64_t layers = model.config->num_layers;
  Engine engine = make_engine(model, LayerPattern::all_full(layers), {});
  const auto tokens = random_tokens(random, *model.config, 6);
  const std::int64_t sequence = engine.add_sequence(0);
  prefill_all(engine, sequence, tokens);
  const Snapshot snapshot = engine.snapshot(sequence);

  Engine shared = make_engine(model, random_pattern(random, layers), {});
  const std::int64_t other = shared.add_sequence(0);
  CHECK_FALSE(refusal([&] { shared.restore(other, snapshot); }).empty());
  CHECK(shared.length(other) == 0);
  EngineOptions fp8;
  fp8.indexer_mode = IndexerMode::fp8;
  Engine quantised = make_engine(model, LayerPattern::all_full(layers), fp8);
  CHECK_FALSE(refusal([&] { quantised.restore(quantised.add_sequence(0), snapshot); }).empty());
  CHECK_FALSE(refusal([&] { engine.restore(99, snapshot); }).empty());

  Engine twin = make_engine(model, LayerPattern::all_full(layers), {});
  const std::int64_t restored = twin.add_sequence(0);
  twin.restore(restored, snapshot);
  const auto next = random_tokens(random, *model.config, 1);
  CHECK(same_bits(decode_one(twin, restored, next[0]).view(),
                  decode_one(engine, sequence, next[0]).view()));
}

TEST_CASE("experts' loads count each row's experts and start anew at a reset") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const ModelConfig& config = *model.config;
  Engine engine = make_engine(model, LayerPattern::all_full(config.num_layers), chunked(7));
  const auto tokens = random_tokens(random, config, 23);
  for (int round = 0; round < 2; ++round) {
    ForwardRecorder recorder;
    const std::int64_t sequence = engine.add_sequence(0);
    prefill_all(engine, sequence, tokens, &recorder);
    const HostView load = engine.expert_load();
    REQUIRE(load.dim(0) == config.num_layers);
    for (std::int64_t l = 0; l < config.num_layers; ++l) {
      std::vector<std::int64_t> expected(static_cast<std::size_t>(config.num_experts));
      for (const auto& experts : recorder.at(sequence).experts[l]) {
        for (const std::int32_t expert : experts) ++expected[expert];
      }
      const auto* row = load.row<std::int64_t>(l);
      CHECK(std::vector<std::int64_t>(row, row + config.num_experts) == expected);
    }
    engine.reset_counters();
    CHECK(engine.num_forwards() == 0);
  }
}

TEST_CASE("what is reserved is there: sequences share a pool that grows once") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const std::int64_t tokens = std::min<std::int64_t>(model.config->max_positions, 100);
  const std::int64_t blocks = ops::blocks_of(tokens);
  Engine engine = make_engine(model, random_pattern(random, model.config->num_layers), chunked(16));
  CHECK(engine.cache_bytes() == 0);
  CHECK(engine.allocated_cache_bytes() == 0);
  engine.reserve(3, tokens);
  CHECK(engine.cache_bytes() == 0);
  const std::int64_t allocated = engine.allocated_cache_bytes();
  std::vector<std::int64_t> sequences;
  for (int i = 0; i < 3; ++i) {
    sequences.push_back(engine.add_sequence(tokens));
    const SequenceCache& cache = engine.cache(sequences.back());
    CHECK(cache.capacity() == blocks * ops::kBlockRows);
    CHECK(allocated == 3 * blocks * ops::kBlockRows * cache.pool().bytes_per_token());
    CHECK(engine.cache_bytes() == allocated / 3 * (i + 1));
    prefill_all(engine, sequences.back(), random_tokens(random, *model.config, tokens));
  }
  CHECK(engine.allocated_cache_bytes() == allocated);
  engine.remove_sequence(sequences[1]);
  CHECK(engine.cache_bytes() == allocated / 3 * 2);
  sequences[1] = engine.add_sequence(tokens);
  CHECK(engine.allocated_cache_bytes() == allocated);
  engine.add_sequence(1);
  CHECK(engine.allocated_cache_bytes() == allocated / (3 * blocks) * (3 * blocks + 1));
  CHECK_FALSE(refusal([&] { engine.reserve(-1, tokens); }).empty());
  CHECK_FALSE(refusal([&] { engine.reserve(1, model.config->max_positions + 1); }).empty());
}

TEST_CASE("the stage clock names where a pass spent its time, and none where it did nothing") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const std::int64_t layers = model.config->num_layers;
  const auto pattern = random_pattern(random, layers);
  Engine engine = make_engine(model, pattern, {});
  prefill_all(engine, random_tokens(random, *model.config, 40));
  const StageClock& clock = engine.stage_clock();
  CHECK(clock.nanoseconds(-1, Stage::lm_head) > 0);
  for (std::int64_t l = 0; l < layers; ++l) {
    CAPTURE(l, pattern.letters());
    for (const Stage stage : {Stage::indexer_proj, Stage::indexer_score}) {
      CHECK((clock.nanoseconds(l, stage) > 0) == pattern.is_full(l));
    }
    const bool is_moe = model.config->is_moe[static_cast<std::size_t>(l)];
    CHECK((clock.nanoseconds(l, Stage::moe) > 0) == is_moe);
    CHECK((clock.nanoseconds(l, Stage::dense_mlp) > 0) == !is_moe);
    CHECK(clock.nanoseconds(l, Stage::sparse_attention) > 0);
    CHECK(clock.nanoseconds(l, Stage::attention_proj) > 0);
    CHECK(clock.nanoseconds(l, Stage::norm_rope_quant) > 0);
  }
  engine.reset_counters();
  CHECK(clock.total_nanoseconds() == 0);
}

}  // namespace
}  // namespace dsabench::test
