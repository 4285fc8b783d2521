#include "train/stage_step.h"

#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/random.h"
#include "tests/train/tensor_views.h"
#include "tests/train/tiny_plan.h"

namespace dsabench::test {
namespace {

/// Mean over the marked tokens of -log of the probability that their predecessors' logits give
/// them, and the share of them that the largest logit has right.
std::pair<double, double> expected_loss(const at::Tensor& logits, const train::Batch& batch) {
  const std::int64_t length = batch.tokens.size(1), vocab = logits.size(-1);
  const auto all = doubles(logits);
  double loss = 0, right = 0, count = 0;
  for (std::int64_t s = 0; s < batch.tokens.size(0); ++s) {
    for (std::int64_t t = 1; t < length; ++t) {
      if (!batch.is_target[s][t].item<bool>()) continue;
      const double* row = all.data() + (s * length + t - 1) * vocab;
      const auto token = batch.tokens[s][t].item<std::int64_t>();
      double sum = 0;
      for (std::int64_t v = 0; v < vocab; ++v) sum += std::exp(row[v]);
      loss += std::log(sum) - row[token];
      right += std::max_element(row, row + vocab) == row + token;
      ++count;
    }
  }
  return {loss / count, right / count};
}

TEST_CASE("a step measures and follows the loss that its stage says, in however many passes") {
  DSABENCH_SEEDED(random);
  nlohmann::json json = tiny_plan(4);
  json["seed"] = random.integer(0, 1'000'000);
  const ScratchFolder folder;
  const train::Plan plan = train::load_plan(write_plan(folder, json));
  for (const char* name : {"dense", "warmup", "sparse", "half"}) {
    INFO(name);
    const train::Stage& stage = plan.stages[plan.stage_index(name)];
    const train::Batch batch = train::make_batch(plan, plan.stage_index(name), 0);
    REQUIRE(batch.tokens.size(0) * batch.tokens.size(1) > stage.tokens_at_once);

    const auto parameters = [&] { return train::random_parameters(plan.config, 7, at::kCPU); };
    train::Checkpoint from;
    from.parameters = parameters();
    train::StageStep step(plan.config, stage, std::move(from), false, train::Precision::f32);
    const train::StepOutcome outcome = step.run(batch, 1e-3);

    // The whole batch at once.
    const train::Model model(plan.config, parameters(), train::Precision::f32);
    double square = 0;
    std::vector<at::Tensor> learning;
    for (train::NamedParameter& parameter : model.parameters().named()) {
      const bool of_indexer = parameter.kind == train::ParameterKind::indexer;
      if (parameter.kind == train::ParameterKind::router_bias) continue;
      if (of_indexer ? !stage.indexers_learn || !stage.pattern.is_full(parameter.layer)
                     : !stage.model_learns) {
        continue;
      }
      parameter.tensor.set_requires_grad(true);
      learning.push_back(parameter.tensor);
    }
    const auto output = model.forward(batch.tokens, {stage.pattern, stage.attention, stage.target});
    at::Tensor total = at::zeros({});
    if (stage.model_learns) {
      const at::Tensor logits = model.logits(output.hidden);
      const auto [loss, accuracy] = expected_loss(logits, batch);
      CHECK(outcome.language_loss == Approx(loss).epsilon(1e-4));
      CHECK(outcome.accuracy == Approx(accuracy).margin(1e-6));
      const std::int64_t last = batch.tokens.size(1) - 1;
      const at::Tensor logs = at::log_softmax(logits.narrow(1, 0, last), -1);
      const at::Tensor chosen =
          at::gather(logs, -1, batch.tokens.narrow(1, 1, last).unsqueeze(-1)).squeeze(-1);
      total = total - chosen.masked_select(batch.is_target.narrow(1, 1, last)).mean();
    }
    if (stage.indexers_learn) {
      double sum = 0;
      for (const at::Tensor& layer : output.indexer_losses) {
        const at::Tensor mean = layer / double(batch.tokens.numel());
        sum += mean.item<double>();
        total = total + mean * stage.indexer_loss_weight;
      }
      CHECK(outcome.indexer_loss == Approx(sum / double(stage.pattern.num_full())).epsilon(1e-4));
    }
    total.backward();
    for (const at::Tensor& tensor : learning) {
      if (tensor.grad().defined()) square += std::pow(tensor.grad().norm().item<double>(), 2);
    }
    CHECK(outcome.gradient_norm == Approx(std::sqrt(square)).epsilon(1e-3));
  }
}

}  // namespace
}  // namespace dsabench::test
