#include "train/stage_step.h"

#include <limits>

#include "train/feed_forward.h"

namespace dsabench::train {
namespace {

/// What a stage teaches: an indexer only where it runs.
bool learns(const Stage& stage, const NamedParameter& parameter) {
  switch (parameter.kind) {
    case ParameterKind::model:
      return stage.model_learns;
    case ParameterKind::indexer:
      return stage.indexers_learn && stage.pattern.is_full(parameter.layer);
    case ParameterKind::router_bias:
      return false;
  }
  return false;
}

void add(at::Tensor& sum, const at::Tensor& value) {
  if (!value.defined()) return;
  sum = sum.defined() ? sum + value.detach() : value.detach();
}

/// Of each token in the loss: an equal share to those that are to be predicted.
at::Tensor target_weights(const Batch& batch) {
  const at::Tensor weights = batch.is_target.to(at::kFloat);  // never the first, a statement's
  return weights / weights.sum();
}

ModelConfig config_of(ModelConfig config, const Stage& stage) {
  config.index_top_k = stage.index_top_k;
  return config;
}

}  // namespace

/// Over the passes of a step; undefined where nothing was added.
struct StageStep::Sums {
  at::Tensor language, accuracy, indexers;
  std::vector<at::Tensor> loads;  ///< of each layer
};

StageStep::StageStep(const ModelConfig& config, const Stage& stage, Checkpoint from, bool resumed,
                     Precision precision)
    : stage_(stage),
      recorded_(from.parameters.embedding.device(),
                [this](const std::vector<at::Tensor>& inputs) { return work(inputs); }),
      model_(config_of(config, stage), std::move(from.parameters), precision),
      optimizer_(
          model_.parameters(),
          [&stage](const NamedParameter& parameter) { return learns(stage, parameter); },
          stage.adam) {
  if (resumed) optimizer_.restore(from.optimizer);
}

StepOutcome StageStep::run(const Batch& batch, double learning_rate) {
  const at::Tensor sizes = optimizer_.next_step(learning_rate);
  const at::Tensor outcome =
      recorded_.run({batch.tokens, target_weights(batch), sizes}).to(at::kCPU, at::kDouble);
  const double* values = outcome.data_ptr<double>();
  return {values[0], values[1], values[2], values[3], values[4]};
}

at::Tensor StageStep::work(const std::vector<at::Tensor>& inputs) {
  const at::Tensor &tokens = inputs[0], &weights = inputs[1];
  const std::int64_t sequences = tokens.size(0), length = tokens.size(1);
  const std::int64_t at_once = stage_.tokens_at_once / length;
  Sums sums;
  sums.loads.resize(model_.parameters().layers.size());
  for (std::int64_t first = 0; first < sequences; first += at_once) {
    const std::int64_t count = std::min(at_once, sequences - first);
    pass(tokens.narrow(0, first, count), weights.narrow(0, first, count), sequences * length, sums);
  }
  const at::Tensor norm = optimizer_.step(inputs[2]);
  const at::Tensor busiest = stage_.model_learns ? move_router_biases(sums.loads) : at::Tensor();
  const at::Tensor none =
      at::full({}, std::numeric_limits<double>::quiet_NaN(), norm.options().dtype(at::kFloat));
  const auto or_none = [&](const at::Tensor& value) {
    return value.defined() ? value.to(at::kFloat) : none;
  };
  if (sums.indexers.defined()) sums.indexers = sums.indexers / stage_.pattern.num_full();
  return at::stack({or_none(sums.language), or_none(sums.accuracy), or_none(sums.indexers),
                    or_none(norm), or_none(busiest)});
}

void StageStep::pass(const at::Tensor& tokens, const at::Tensor& weights, std::int64_t all_tokens,
                     Sums& sums) const {
  const ForwardOutput output =
      model_.forward(tokens, {stage_.pattern, stage_.attention, stage_.target});
  at::Tensor loss = at::zeros({}, weights.options());
  if (stage_.model_learns) {
    const LanguageLoss language = language_loss(model_, output.hidden, tokens, weights);
    loss = loss + language.loss;
    add(sums.language, language.loss);
    add(sums.accuracy, language.accuracy);
  }
  for (const at::Tensor& layer : output.indexer_losses) {
    const at::Tensor mean = layer / double(all_tokens);
    loss = loss + mean * stage_.indexer_loss_weight;
    add(sums.indexers, mean);
  }
  loss.backward();
  for (std::size_t l = 0; l < sums.loads.size(); ++l) add(sums.loads[l], output.expert_load[l]);
}

/// The busiest expert's load over its layer's mean; undefined without experts.
at::Tensor StageStep::move_router_biases(const std::vector<at::Tensor>& loads) const {
  std::vector<at::Tensor> busiest;
  for (std::size_t l = 0; l < loads.size(); ++l) {
    if (!loads[l].defined()) continue;
    balance(model_.parameters().layers[l].router_bias, loads[l], stage_.balance_step);
    busiest.push_back(loads[l].max() / loads[l].mean());
  }
  return busiest.empty() ? at::Tensor() : at::stack(busiest).max();
}

}  // namespace dsabench::train
