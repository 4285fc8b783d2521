/// The trained model against the engine: one architecture, written twice.
#include "train/model.h"

#include <filesystem>

#include "engine/model/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/compare.h"
#include "tests/support/engine_runs.h"
#include "tests/support/test_data.h"
#include "tests/train/tensor_views.h"
#include "train/indexer.h"

namespace dsabench::test {
namespace {

using train::Attention;
using train::ForwardOptions;
using train::IndexerTarget;

constexpr double kTolerance = 1e-4;  // of the largest logit
constexpr float kSafeMargin = 2e-5f;

train::Model trained_model(const RandomModel& model) {
  return {*model.config, train::copy_parameters(*model.weights, at::kCPU), train::Precision::f32};
}

/// Tokens before the first whose choice of keys rounding could turn: what comes after may see
/// other keys.
std::int64_t safe_tokens(const ForwardRecorder::Sequence& recorded, std::int64_t tokens) {
  std::int64_t safe = tokens;
  for (const auto& layer : recorded.layers) {
    for (std::int64_t t = 0; t < std::ssize(layer.margins); ++t) {
      if (!(layer.margins[std::size_t(t)] > kSafeMargin)) safe = std::min(safe, t);
    }
  }
  return safe;
}

/// Number of tokens that could be compared.
std::int64_t check_against_engine(const RandomModel& model, const LayerPattern& pattern,
                                  bool dense_attention, const std::vector<std::int32_t>& tokens) {
  INFO(pattern.letters() << (dense_attention ? " dense" : " sparse"));
  EngineOptions options = one_shot();
  options.dense_attention = dense_attention;
  Engine engine = make_engine(model, pattern, options);
  const std::int64_t sequence = engine.add_sequence(0);
  ForwardRecorder recorder;
  const Tensor expected = prefill_all(engine, sequence, tokens, &recorder);
  const auto& recorded = recorder.at(sequence);

  const at::NoGradGuard no_gradient;
  const train::Model trained = trained_model(model);
  const auto attention = dense_attention ? Attention::dense : Attention::sparse;
  const train::ForwardOutput output =
      trained.forward(token_tensor(tokens), {pattern, attention, IndexerTarget::none});
  const std::int64_t safe =
      dense_attention ? std::ssize(tokens) : safe_tokens(recorded, std::ssize(tokens));
  const at::Tensor logits = trained.logits(output.hidden).narrow(1, 0, safe);
  const Comparison result = compare(doubles(logits), to_doubles(expected.view().rows(0, safe)));
  INFO(result.describe());
  CHECK(result.max_normalized <= kTolerance);

  for (std::size_t l = 0; l < output.keys.size(); ++l) {
    const auto keys = output.keys[l].accessor<bool, 3>();
    for (std::int64_t t = 0; t < safe; ++t) {
      std::vector<std::int32_t> set;
      for (std::int32_t s = 0; s < std::ssize(tokens); ++s) {
        if (keys[0][t][s]) set.push_back(s);
      }
      CAPTURE(l, t);
      CHECK(set == recorded.index_sets[l][std::size_t(t)]);
    }
  }
  return safe;
}

TEST_CASE("the trained model has the engine's logits and index sets") {
  DSABENCH_SEEDED(random);
  std::int64_t tokens = 0, compared = 0;
  for (int round = 0; round < 6; ++round) {
    const RandomModel model =
        random_model(random, round % 2 == 0 ? ModelFamily::glm_moe_dsa : ModelFamily::deepseek_v32);
    const auto prompt = random_tokens(random, *model.config, random.integer(30, 70));
    const std::int64_t layers = model.config->num_layers;
    CAPTURE(round, to_json(*model.config));
    for (const bool dense : {false, true}) {
      for (const auto& pattern : {LayerPattern::all_full(layers), random_pattern(random, layers)}) {
        compared += check_against_engine(model, pattern, dense, prompt);
        tokens += std::ssize(prompt);
      }
    }
  }
  CHECK(compared > tokens / 2);
}

TEST_CASE("the trained model has the engine's logits for the reference checkpoints") {
  std::int64_t compared = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test_data() + "/golden")) {
    if (!entry.is_directory()) continue;
    const std::string folder = entry.path().string();
    INFO(folder);
    auto config = std::make_shared<const ModelConfig>(load_model_config(folder + "/config.json"));
    auto weights = std::make_shared<const Weights>(load_weights(*config, folder));
    const RandomModel model{config, weights};
    const auto golden = SafetensorsFile::open(folder + "/golden.safetensors");
    const ConstTensorView ids = golden.tensor("p0.input_ids");
    const std::vector<std::int32_t> prompt(ids.data<std::int32_t>(),
                                           ids.data<std::int32_t>() + ids.num_elements());
    const auto pattern = LayerPattern::from_config(*config, Dialect::automatic);
    compared += check_against_engine(model, pattern, false, prompt);
    check_against_engine(model, pattern, true, prompt);
  }
  CHECK(compared > 5 * 96 / 2);
}

TEST_CASE("a batch has the hidden states of its sequences one by one") {
  DSABENCH_SEEDED(random);
  const at::NoGradGuard no_gradient;
  const RandomModel model = random_model(random, random_family(random));
  const train::Model trained = trained_model(model);
  const ForwardOptions options{random_pattern(random, model.config->num_layers), Attention::sparse,
                               IndexerTarget::none};
  std::vector<at::Tensor> sequences, hidden;
  for (int i = 0; i < 3; ++i) {
    sequences.push_back(token_tensor(random_tokens(random, *model.config, 40)));
    hidden.push_back(trained.forward(sequences.back(), options).hidden);
  }
  const at::Tensor batch = trained.forward(at::cat(sequences, 0), options).hidden;
  const Comparison result = compare(doubles(batch), doubles(at::cat(hidden, 0)));
  INFO(result.describe());
  CHECK(result.max_normalized <= kTolerance);
}

TEST_CASE("under sparse_shared attention only Shared layers select") {
  DSABENCH_SEEDED(random);
  const at::NoGradGuard no_gradient;
  const RandomModel source = random_model(random, random_family(random));
  const at::Tensor tokens = token_tensor(random_tokens(random, *source.config, 40));
  const auto run = [&](const LayerPattern& pattern, Attention attention, std::int64_t top_k) {
    ModelConfig config = *source.config;
    config.index_top_k = top_k;
    const train::Model model(config, train::copy_parameters(*source.weights, at::kCPU),
                             train::Precision::f32);
    return model.forward(tokens, {pattern, attention, IndexerTarget::none});
  };
  constexpr std::int64_t kTopK = 7, kLayers = 2;
  const LayerPattern pattern = LayerPattern::from_letters(
      "FS" + std::string(std::size_t(source.config->num_layers - kLayers), 'F'));
  const auto mixed = run(pattern, Attention::sparse_shared, kTopK);
  const auto sparse = run(pattern, Attention::sparse, kTopK);
  const at::Tensor all = train::causal_mask(40, at::kCPU).unsqueeze(0);
  REQUIRE(std::ssize(mixed.keys) == source.config->num_layers);
  for (std::size_t l = 0; l < mixed.keys.size(); ++l) {
    CHECK(at::equal(mixed.keys[l], l == 1 ? sparse.keys[0] : all));  // of the same embedding
  }
  const auto dense = run(pattern, Attention::dense, kTopK);
  CHECK_FALSE(at::equal(mixed.hidden, sparse.hidden));
  CHECK_FALSE(at::equal(mixed.hidden, dense.hidden));
  const auto same = [](const at::Tensor& a, const at::Tensor& b) {
    return compare(doubles(a), doubles(b)).max_normalized <= kTolerance;
  };
  CHECK(same(run(pattern, Attention::sparse_shared, 40).hidden, dense.hidden));
  const auto all_full = LayerPattern::all_full(source.config->num_layers);
  CHECK(same(run(all_full, Attention::sparse_shared, kTopK).hidden,
             run(all_full, Attention::dense, kTopK).hidden));
}

TEST_CASE("bf16 products change logits and gradients by little") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  ModelConfig config = *model.config;
  // No choice of experts or, in dense attention, keys that rounding could turn.
  config.experts_per_token = config.num_experts;
  config.topk_expert_groups = config.expert_groups;
  const LayerPattern pattern = random_pattern(random, model.config->num_layers);
  CAPTURE(to_json(*model.config), pattern.letters());
  const at::Tensor tokens = token_tensor(random_tokens(random, *model.config, 40));
  const auto run = [&](train::Precision precision) {
    const train::Model trained(config, train::copy_parameters(*model.weights, at::kCPU), precision);
    for (auto& parameter : trained.parameters().named()) {
      parameter.tensor.set_requires_grad(parameter.kind != train::ParameterKind::router_bias);
    }
    const auto output =
        trained.forward(tokens, {pattern, Attention::dense, IndexerTarget::mean_of_losses});
    at::Tensor loss = language_loss(trained, output.hidden, tokens, equal_weights(tokens)).loss;
    for (const at::Tensor& layer : output.indexer_losses) loss = loss + layer;
    loss.backward();
    std::vector<at::Tensor> results = {trained.logits(output.hidden), loss};
    for (const auto& layer : trained.parameters().layers) {
      results.push_back(layer.q_b_proj.grad());
      results.push_back(layer.o_proj.grad());
      if (pattern.is_full(&layer - trained.parameters().layers.data())) {
        results.push_back(layer.indexer->wq_b.grad());
      }
    }
    return results;
  };
  const auto exact = run(train::Precision::f32), rounded = run(train::Precision::bf16);
  REQUIRE(exact.size() == rounded.size());
  for (std::size_t i = 0; i < exact.size(); ++i) {
    CAPTURE(i);
    CHECK(rounded[i].scalar_type() == at::kFloat);
    const double error = (rounded[i] - exact[i]).norm().item<double>();
    const double size = exact[i].norm().item<double>();
    CAPTURE(error, size);
    CHECK(error > 0);
    CHECK(error <= 0.2 * size);
  }
}

TEST_CASE("the trained model refuses what the engine refuses") {
  DSABENCH_SEEDED(random);
  RandomModel model = random_model(random, random_family(random));
  const std::int64_t layers = model.config->num_layers;
  const auto options = [](const LayerPattern& pattern) {
    return ForwardOptions{pattern, Attention::sparse, IndexerTarget::none};
  };
  const at::Tensor tokens = token_tensor({1, 2, 3});
  const train::Model whole = trained_model(model);
  CHECK(
      contains(refusal([&] { whole.forward(tokens, options(LayerPattern::all_full(layers + 1))); }),
               "pattern has"));
  const at::Tensor longer = at::zeros({1, model.config->max_positions + 1}, at::kLong);
  CHECK(contains(refusal([&] { whole.forward(longer, options(LayerPattern::all_full(layers))); }),
                 "tokens"));
  train::Parameters parameters = train::copy_parameters(*model.weights, at::kCPU);
  parameters.layers[1].indexer.reset();
  const train::Model partial(*model.config, parameters, train::Precision::f32);
  CHECK(contains(refusal([&] { partial.forward(tokens, options(LayerPattern::all_full(layers))); }),
                 "layer 1"));
}

}  // namespace
}  // namespace dsabench::test
