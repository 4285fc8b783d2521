/// Losses of the indexers and their gradients (tests/golden/README.md, train.json).
#include "train/distillation.h"

#include <nlohmann/json.hpp>

#include "engine/model/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/compare.h"
#include "tests/support/random_model.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/test_data.h"
#include "tests/train/tensor_views.h"
#include "train/model.h"

namespace dsabench::test {
namespace {

using train::Attention;
using train::ForwardOptions;
using train::IndexerTarget;

void set_learning(const train::Parameters& parameters) {
  for (auto& parameter : parameters.named()) {
    parameter.tensor.set_requires_grad(parameter.kind != train::ParameterKind::router_bias);
  }
}

/// The indexer's tensors of one layer by their last names.
std::vector<std::pair<std::string, at::Tensor>> indexer_tensors(const train::Model& model,
                                                                std::int64_t layer) {
  const auto& indexer = *model.parameters().layers.at(std::size_t(layer)).indexer;
  return {{"wq_b.weight", indexer.wq_b},
          {"wk.weight", indexer.wk},
          {"k_norm.weight", indexer.k_norm_weight},
          {"k_norm.bias", indexer.k_norm_bias},
          {"weights_proj.weight", indexer.weights_proj}};
}

/// ||actual - expected|| / ||expected||.
double relative_distance(const std::vector<double>& actual, const std::vector<double>& expected) {
  REQUIRE(actual.size() == expected.size());
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  REQUIRE(norm > 0);
  return std::sqrt(difference / norm);
}

TEST_CASE("the indexers' losses and gradients are the reference's") {
  const std::string folder = test_data() + "/golden/glm_moe_dsa_pattern";
  const auto json = nlohmann::json::parse(read_text(folder + "/train.json"));
  const auto golden = SafetensorsFile::open(folder + "/train.safetensors");
  const ModelConfig config = load_model_config(folder + "/config.json");
  const train::Model model(config, train::copy_parameters(load_weights(config, folder), at::kCPU),
                           train::Precision::f32);
  set_learning(model.parameters());
  const at::Tensor tokens = token_tensor(json["prompt"].get<std::vector<std::int32_t>>());
  const auto pattern = LayerPattern::from_config(config, Dialect::automatic);

  int compared = 0;
  for (const std::string stage : {"dense", "sparse"}) {
    for (const IndexerTarget target : {IndexerTarget::own, IndexerTarget::mean_of_losses}) {
      const auto output = model.forward(
          tokens, {pattern, stage == "dense" ? Attention::dense : Attention::sparse, target});
      REQUIRE(std::ssize(output.indexer_losses) == pattern.num_full());
      std::size_t full = 0;
      for (std::int64_t l = 0; l < pattern.num_layers(); ++l) {
        if (!pattern.is_full(l)) continue;
        const at::Tensor loss = output.indexer_losses[full++];
        const std::string name =
            fmt::format("{}.L{}.{}", stage, l, target == IndexerTarget::own ? "own" : "multi");
        INFO(name);
        const double expected = json["stages"][name]["loss_sum_over_queries"];
        CHECK(std::fabs(loss.item<double>() - expected) <= 1e-5 * expected);
        for (const auto& [last_name, tensor] : indexer_tensors(model, l)) {
          INFO(last_name);
          const at::Tensor gradient =
              torch::autograd::grad({loss}, {tensor}, {}, /*retain_graph=*/true).at(0);
          const auto reference = to_doubles(golden.tensor(name + ".grad." + last_name));
          CHECK(relative_distance(doubles(gradient), reference) <= 1e-4);
          ++compared;
        }
      }
    }
  }
  CHECK(compared == 2 * 2 * 2 * 5);
}

struct Gradients {
  double loss = 0;
  std::vector<std::vector<double>> of_indexers;
};

Gradients gradients_of(const train::Model& model, const at::Tensor& tokens,
                       const ForwardOptions& options) {
  Gradients result;
  const auto losses = model.forward(tokens, options).indexer_losses;
  at::Tensor sum = losses.at(0);
  for (std::size_t i = 1; i < losses.size(); ++i) sum = sum + losses[i];
  result.loss = sum.item<double>();
  std::vector<at::Tensor> tensors;
  for (std::int64_t l = 0; l < options.pattern.num_layers(); ++l) {
    if (!options.pattern.is_full(l)) continue;
    for (auto& [name, tensor] : indexer_tensors(model, l)) tensors.push_back(tensor);
  }
  for (const at::Tensor& gradient : torch::autograd::grad({sum}, tensors)) {
    result.of_indexers.push_back(doubles(gradient));
  }
  return result;
}

TEST_CASE("both forms of multi-layer distillation have one gradient") {
  DSABENCH_SEEDED(random);
  const RandomModel source = random_model(random, random_family(random));
  const train::Model model(*source.config, train::copy_parameters(*source.weights, at::kCPU),
                           train::Precision::f32);
  set_learning(model.parameters());
  const at::Tensor tokens = token_tensor(random_tokens(random, *source.config, 40));
  const LayerPattern pattern = random_pattern(random, source.config->num_layers);
  for (const Attention attention :
       {Attention::dense, Attention::sparse_shared, Attention::sparse}) {
    CAPTURE(pattern.letters(), int(attention));
    const auto sum =
        gradients_of(model, tokens, {pattern, attention, IndexerTarget::mean_of_losses});
    const auto mean =
        gradients_of(model, tokens, {pattern, attention, IndexerTarget::loss_of_the_mean});
    const auto own = gradients_of(model, tokens, {pattern, attention, IndexerTarget::own});
    // KL is convex: the losses differ, by the layers' disagreement.
    CHECK(sum.loss > mean.loss + 1e-4);
    double to_own = 0;
    for (std::size_t i = 0; i < sum.of_indexers.size(); ++i) {
      CHECK(relative_distance(sum.of_indexers[i], mean.of_indexers[i]) <= 1e-4);
      to_own = std::max(to_own, relative_distance(own.of_indexers[i], sum.of_indexers[i]));
    }
    CHECK(to_own > 1e-2);  // that of the layer alone is another
  }
}

TEST_CASE("the indexers' losses move nothing but indexers, the language loss all but them") {
  DSABENCH_SEEDED(random);
  const RandomModel source = random_model(random, random_family(random));
  const train::Model model(*source.config, train::copy_parameters(*source.weights, at::kCPU),
                           train::Precision::f32);
  set_learning(model.parameters());
  const at::Tensor tokens = token_tensor(random_tokens(random, *source.config, 40));
  const auto all_full = LayerPattern::all_full(source.config->num_layers);
  const auto output = model.forward(tokens, {all_full, Attention::sparse, IndexerTarget::own});
  at::Tensor indexer_loss = output.indexer_losses.at(0);
  for (std::size_t i = 1; i < output.indexer_losses.size(); ++i) {
    indexer_loss = indexer_loss + output.indexer_losses[i];
  }
  const at::Tensor language =
      language_loss(model, output.hidden, tokens, equal_weights(tokens)).loss;
  std::vector<at::Tensor> tensors;
  std::vector<train::NamedParameter> learning;
  for (auto& parameter : model.parameters().named()) {
    if (parameter.kind == train::ParameterKind::router_bias) continue;
    learning.push_back(parameter);
    tensors.push_back(parameter.tensor);
  }
  const auto of_indexer = torch::autograd::grad({indexer_loss}, tensors, {}, true, false, true);
  const auto of_language = torch::autograd::grad({language}, tensors, {}, true, false, true);
  const auto is_moved = [](const at::Tensor& gradient) {
    return gradient.defined() && gradient.abs().max().item<double>() > 0;
  };
  for (std::size_t i = 0; i < learning.size(); ++i) {
    INFO(learning[i].name);
    const bool is_indexer = learning[i].kind == train::ParameterKind::indexer;
    CHECK(is_moved(of_indexer[i]) == is_indexer);
    CHECK(is_moved(of_language[i]) != is_indexer);
  }
}

}  // namespace
}  // namespace dsabench::test
