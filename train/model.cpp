#include "train/model.h"

#include <fmt/format.h>

#include "kernels/base/error.h"
#include "train/attention.h"
#include "train/feed_forward.h"
#include "train/indexer.h"
#include "train/row_operators.h"

namespace dsabench::train {
namespace {

/// The keys that layers attend to: all, or those that the last Full layer selected.
class KeyChoice {
 public:
  KeyChoice(const ModelConfig& config, const ForwardOptions& options, std::int64_t tokens,
            const at::Device& device)
      : config_(config),
        options_(options),
        distillation_(options.pattern, options.target),
        causal_(causal_mask(tokens, device).unsqueeze(0)) {}

  /// Whether this layer's indexer runs.
  bool scores(std::int64_t layer) const {
    const bool learns = options_.target != IndexerTarget::none;
    return options_.pattern.is_full(layer) && (learns || options_.attention != Attention::dense);
  }
  void take(const at::Tensor& scores) {
    const at::Tensor all = causal_.expand_as(scores);
    shared_keys_ = options_.attention == Attention::dense
                       ? all
                       : selected_keys(scores.detach(), causal_, config_.index_top_k);
    full_keys_ = options_.attention == Attention::sparse ? shared_keys_ : all;
    distillation_.begin(scores, full_keys_);
  }
  /// A layer's; undefined where dense attention needs no mask.
  const at::Tensor& of(std::int64_t layer) const {
    return options_.pattern.is_full(layer) ? full_keys_ : shared_keys_;
  }
  Distillation& distillation() { return distillation_; }

 private:
  const ModelConfig& config_;
  const ForwardOptions& options_;
  Distillation distillation_;
  at::Tensor causal_, full_keys_, shared_keys_;
};

}  // namespace

Model::Model(ModelConfig config, Parameters parameters, Precision precision)
    : config_(std::move(config)),
      parameters_(std::move(parameters)),
      precision_(precision),
      rope_(config_.rope, config_.max_positions, device()) {
  if (precision != Precision::f32) at::globalContext().setFloat32MatmulPrecision("high");
}

void Model::check(const at::Tensor& tokens, const ForwardOptions& options) const {
  if (tokens.size(1) > config_.max_positions) {
    throw InvalidArgument(fmt::format("training: {} tokens, {} takes {}", tokens.size(1),
                                      config_.name, config_.max_positions));
  }
  if (options.pattern.num_layers() != config_.num_layers) {
    throw InvalidArgument(fmt::format("training: pattern has {} layers, {} has {}",
                                      options.pattern.num_layers(), config_.name,
                                      config_.num_layers));
  }
  for (std::int64_t l = 0; l < config_.num_layers; ++l) {
    if (options.pattern.is_full(l) && !parameters_.layers[std::size_t(l)].indexer) {
      throw InvalidArgument(fmt::format("training: pattern {} runs an indexer that layer {} lacks",
                                        options.pattern.letters(), l));
    }
  }
}

ForwardOutput Model::forward(const at::Tensor& tokens, const ForwardOptions& options) const {
  check(tokens, options);
  ForwardOutput result;
  KeyChoice choice(config_, options, tokens.size(1), device());
  at::Tensor hidden = at::embedding(parameters_.embedding, tokens);
  for (std::int64_t l = 0; l < config_.num_layers; ++l) {
    const LayerParameters& layer = parameters_.layers[std::size_t(l)];
    const QueryLatent query = query_latent(config_, layer, hidden, precision_);
    if (choice.scores(l)) {
      choice.take(index_scores(config_, *layer.indexer, rope_, query.x, query.latent, precision_));
    }
    const bool wanted = choice.distillation().wants(l);
    const AttentionOutput attention =
        attend(config_, layer, rope_, query, choice.of(l), wanted, precision_);
    if (wanted) choice.distillation().serve(l, attention.probabilities);
    if (options.attention != Attention::dense) result.keys.push_back(choice.of(l));
    hidden = hidden + attention.output;
    const FeedForwardOutput mlp = feed_forward(
        config_, layer,
        rms_norm(hidden, layer.post_attention_norm, config_.rms_norm_eps, precision_), precision_);
    hidden = hidden + mlp.output;
    result.expert_load.push_back(mlp.load);
  }
  choice.distillation().finish();
  result.indexer_losses = choice.distillation().losses();
  result.hidden =
      rms_norm(hidden, parameters_.final_norm, config_.rms_norm_eps, Precision::f32).whole();
  return result;
}

at::Tensor Model::logits(const at::Tensor& hidden) const {
  const at::Tensor& head =
      parameters_.lm_head.defined() ? parameters_.lm_head : parameters_.embedding;
  return linear(hidden, head, {}, precision_).to(head.scalar_type());
}

LanguageLoss language_loss(const Model& model, const at::Tensor& hidden, const at::Tensor& tokens,
                           const at::Tensor& weights) {
  const std::int64_t predictions = tokens.size(1) - 1;
  const at::Tensor logits = model.logits(hidden.narrow(1, 0, predictions)).flatten(0, 1);
  const at::Tensor targets = tokens.narrow(1, 1, predictions).flatten();
  const at::Tensor share = weights.narrow(1, 1, predictions).flatten();
  const at::Tensor losses = at::cross_entropy_loss(logits, targets, {}, at::Reduction::None);
  const at::Tensor right = logits.detach().argmax(-1) == targets;
  return {(losses * share).sum(), (share * right).sum()};
}

}  // namespace dsabench::train
