#include "harness/run/cell_verifier.h"

#include "tests/support/catch.h"
#include "tests/support/placed_model.h"

namespace dsabench::test {
namespace {

struct Scene {
  RandomModel model;
  LayerPattern pattern;
  EngineOptions options;
  std::vector<std::vector<std::int32_t>> prompts;
};

/// A random model whose prompts are longer than its top-k, so that selections cut.
Scene random_scene(Random& random, IndexerMode mode) {
  RandomModel model = random_model(random, random_family(random));
  LayerPattern pattern = random_pattern(random, model.config->num_layers);
  EngineOptions options;
  options.indexer_mode = mode;
  options.chunk_tokens = random.integer(3, 40);
  std::vector<std::vector<std::int32_t>> prompts;
  for (int i = 0; i < 2; ++i) {
    const std::int64_t length = model.config->index_top_k + random.integer(2, 30);
    prompts.push_back(random_tokens(random, *model.config, length));
  }
  return {std::move(model), std::move(pattern), options, std::move(prompts)};
}

/// Prefills both prompts and decodes one token each under a verifier that judges by `host_judge`;
/// both sides hold their weights at `placement`.
VerificationReport verify(const Scene& scene, const Weights& host_judge,
                          const WeightPlacement& placement) {
  Engine engine(scene.model.config, placed_copy(*scene.model.weights, placement), scene.pattern,
                scene.options);
  HostAttention judge(placed_copy(host_judge, placement));
  std::vector<std::int64_t> sequences, lengths;
  std::vector<SequenceTokens> batch;
  for (const auto& prompt : scene.prompts) {
    sequences.push_back(engine.add_sequence(0));
    lengths.push_back(static_cast<std::int64_t>(prompt.size()) + 1);
    batch.push_back({sequences.back(), prompt});
  }
  CellVerifier verifier(engine, judge, sample_rows(sequences, lengths, 12, 7));
  engine.prefill(batch, LogitRows::last, {}, &verifier);
  Tensor logits(DType::f32, {2, scene.model.config->vocab_size});
  const std::vector<std::int32_t> tokens{0, 1};
  engine.decode(sequences, tokens, logits, &verifier);
  return verifier.report();
}

void add_noise(Random& random, Tensor& tensor) {
  for (std::int64_t i = 0; i < tensor.view().num_elements(); ++i) {
    tensor.data<float>()[i] += static_cast<float>(0.5 * random.normal());
  }
}

TEST_CASE("the verifier passes an engine that is right, in every indexer mode") {
  DSABENCH_SEEDED(random);
  for (const IndexerMode mode : {IndexerMode::exact, IndexerMode::fp8, IndexerMode::fp8_hadamard}) {
    const Scene scene = random_scene(random, mode);
    for (const WeightPlacement& placement : all_placements()) {
      const VerificationReport report = verify(scene, *scene.model.weights, placement);
      INFO(indexer_mode_name(mode)
           << ", " << scene.pattern.letters() << ", " << dtype_name(placement.dtype));
      CHECK(report.failure == "");
      CHECK(report.passed());
      CHECK(report.rows_checked >= scene.model.config->num_layers);
      if (placement.dtype == DType::f32) CHECK(report.max_latent_error > 0.0);
    }
  }
}

TEST_CASE("the verifier passes the fp8 latent cache, sparse and dense") {
  DSABENCH_SEEDED(random);
  Scene scene = random_scene(random, IndexerMode::fp8);
  scene.options.cache_format = CacheFormat::fp8;
  for (const bool dense : {false, true}) {
    scene.options.dense_attention = dense;
    for (const WeightPlacement& placement : all_placements()) {
      const VerificationReport report = verify(scene, *scene.model.weights, placement);
      INFO(dense << ", " << dtype_name(placement.dtype));
      CHECK(report.failure == "");
      CHECK(report.passed());
    }
  }
}

TEST_CASE("the verifier passes dense attention") {
  DSABENCH_SEEDED(random);
  Scene scene = random_scene(random, IndexerMode::exact);
  scene.options.dense_attention = true;
  for (const WeightPlacement& placement : all_placements()) {
    const VerificationReport report = verify(scene, *scene.model.weights, placement);
    CHECK(report.failure == "");
    CHECK(report.passed());
  }
}

TEST_CASE("the verifier catches each tensor that the engine would have used wrongly") {
  DSABENCH_SEEDED(random);
  Scene scene = random_scene(random, IndexerMode::exact);
  const auto seed = static_cast<std::uint64_t>(random.integer(0, 1 << 30));
  const auto weights_of_seed = [&] {
    Random same(seed);
    return random_weights(same, *scene.model.config);
  };
  scene.model.weights = std::make_shared<const Weights>(weights_of_seed());
  struct Damage {
    const char* expected;
    Tensor& (*tensor)(AttentionWeights&);
  };
  const std::vector<Damage> damages = {
      {"cached latent", [](AttentionWeights& a) -> Tensor& { return a.kv_a_proj; }},
      {"cached latent", [](AttentionWeights& a) -> Tensor& { return a.kv_a_norm; }},
      {"cached indexer key", [](AttentionWeights& a) -> Tensor& { return a.indexer->wk; }},
      {"cached indexer key", [](AttentionWeights& a) -> Tensor& { return a.indexer->k_norm_bias; }},
      {"index set", [](AttentionWeights& a) -> Tensor& { return a.indexer->wq_b; }},
      {"index set", [](AttentionWeights& a) -> Tensor& { return a.indexer->weights_proj; }},
      {"attention output", [](AttentionWeights& a) -> Tensor& { return a.kv_b_proj; }},
      {"attention output", [](AttentionWeights& a) -> Tensor& { return a.q_b_proj; }},
      {"attention output", [](AttentionWeights& a) -> Tensor& { return a.o_proj; }},
  };
  for (const WeightPlacement& placement : all_placements()) {
    CAPTURE(dtype_name(placement.dtype));
    CHECK(verify(scene, weights_of_seed(), placement).passed());
    // Damage to the judge's copy is the same disagreement as an engine that misread its own.
    for (const Damage& damage : damages) {
      Weights judge = weights_of_seed();
      add_noise(random, damage.tensor(judge.layers[0].attention));
      const VerificationReport report = verify(scene, judge, placement);
      INFO("want: " << damage.expected << ", got: " << report.failure);
      CHECK_FALSE(report.passed());
      CHECK(report.failure.find(damage.expected) != std::string::npos);
    }
  }
}

TEST_CASE("sampled rows hold the last position, repeat nothing and follow the seed") {
  const std::vector<std::int64_t> sequences{3, 5}, lengths{10, 4};
  const auto rows = sample_rows(sequences, lengths, 8, 1);
  CHECK(std::find(rows.begin(), rows.end(), CheckedRow{3, 9}) != rows.end());
  CHECK(std::adjacent_find(rows.begin(), rows.end()) == rows.end());
  for (const CheckedRow& row : rows) {
    CHECK(row.position < (row.sequence == 3 ? 10 : 4));
    CHECK(row.position >= 0);
  }
  CHECK(rows == sample_rows(sequences, lengths, 8, 1));
  CHECK(sample_rows({}, {}, 8, 1).empty());
}

TEST_CASE("a verifier that saw no row does not pass") {
  CHECK_FALSE(VerificationReport().passed());
}

}  // namespace
}  // namespace dsabench::test
