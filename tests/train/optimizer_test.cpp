#include "train/optimizer.h"

#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/compare.h"
#include "tests/support/random_model.h"
#include "tests/train/tensor_views.h"

namespace dsabench::test {
namespace {

using train::NamedParameter;
using train::ParameterKind;

bool is_indexer(const NamedParameter& parameter) {
  return parameter.kind == ParameterKind::indexer;
}
bool is_model(const NamedParameter& parameter) { return parameter.kind == ParameterKind::model; }
bool is_none(const NamedParameter&) { return false; }

struct Reference {
  std::vector<double> value, first, second;
};

TEST_CASE("AdamW moves parameters as its definition says") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const train::Parameters parameters = train::copy_parameters(*model.weights, at::kCPU);
  train::AdamOptions options;
  options.weight_decay = 0.1;
  options.clip_norm = random.choice<double>({1e-2, 1e6});
  CAPTURE(options.clip_norm);
  train::Optimizer optimizer(parameters, is_indexer, options);
  std::vector<train::NamedParameter> learning;
  for (const auto& parameter : parameters.named()) {
    CHECK(parameter.tensor.requires_grad() == (parameter.kind == ParameterKind::indexer));
    if (parameter.kind == ParameterKind::indexer) learning.push_back(parameter);
  }
  std::vector<Reference> references;
  for (const auto& parameter : learning) {
    references.push_back({doubles(parameter.tensor), {}, {}});
    references.back().first.resize(references.back().value.size());
    references.back().second = references.back().first;
  }
  for (int step = 1; step <= 4; ++step) {
    double square = 0;
    std::vector<std::vector<double>> gradients;
    for (auto& parameter : learning) {
      const at::Tensor gradient = at::randn_like(parameter.tensor.detach());
      parameter.tensor.mutable_grad() = gradient;
      gradients.push_back(doubles(gradient));
      for (const double g : gradients.back()) square += g * g;
    }
    const double norm = std::sqrt(square), scale = std::min(1.0, options.clip_norm / norm);
    CHECK(std::fabs(optimizer.step(optimizer.next_step(0.01)).item<double>() - norm) <=
          1e-4 * norm);
    for (std::size_t i = 0; i < learning.size(); ++i) {
      CHECK_FALSE(learning[i].tensor.grad().defined());
      Reference& r = references[i];
      const double decay = learning[i].tensor.dim() > 1 ? 0.01 * options.weight_decay : 0.0;
      for (std::size_t j = 0; j < r.value.size(); ++j) {
        const double g = gradients[i][j] * scale;
        r.first[j] = 0.9 * r.first[j] + 0.1 * g;
        r.second[j] = 0.98 * r.second[j] + 0.02 * g * g;
        const double m = r.first[j] / (1 - std::pow(0.9, step));
        const double v = r.second[j] / (1 - std::pow(0.98, step));
        r.value[j] = r.value[j] * (1 - decay) - 0.01 * m / (std::sqrt(v) + options.epsilon);
      }
      const Comparison result = compare(doubles(learning[i].tensor), r.value);
      INFO(learning[i].name << ": " << result.describe());
      CHECK(result.max_abs <= 1e-5);
    }
  }
}

TEST_CASE("the optimiser refuses moments of another model, and gradients that are not finite") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const train::Parameters parameters = train::copy_parameters(*model.weights, at::kCPU);
  train::Optimizer optimizer(parameters, is_model, {});
  auto state = optimizer.save();
  state.first = state.first.narrow(0, 1, state.first.numel() - 1);
  REQUIRE_THROWS_AS(optimizer.restore(state), InvalidArgument);
  REQUIRE_THROWS_AS(train::Optimizer(parameters, is_none, {}), InvalidArgument);

  const at::Tensor before = parameters.embedding.detach().clone();
  train::Optimizer again(parameters, is_model, {});
  at::Tensor embedding = parameters.embedding;
  embedding.mutable_grad() = at::full_like(embedding.detach(), NAN);
  CHECK(std::isnan(again.step(again.next_step(1.0)).item<double>()));
  CHECK(at::equal(before, parameters.embedding.detach()));
}

TEST_CASE("the learning rate rises over the warm-up and falls to its end") {
  const train::LearningRate rate{1.0, 0.1, 4, 12};
  CHECK(rate.at(0) == Approx(0.25));
  CHECK(rate.at(3) == Approx(1.0));
  CHECK(rate.at(4) == Approx(1.0));
  CHECK(rate.at(8) == Approx(0.55));
  CHECK(rate.at(12) == Approx(0.1));
  CHECK(rate.at(100) == Approx(0.1));
}

}  // namespace
}  // namespace dsabench::test
