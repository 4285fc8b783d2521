#pragma once
#include "engine/model/model_config.h"
#include "train/layer_math.h"
#include "train/parameters.h"

namespace dsabench::train {

struct FeedForwardOutput {
  at::Tensor output;  ///< [batch, tokens, D]
  at::Tensor load;    ///< tokens that each expert got [E], no gradient; undefined on a dense layer
};

/// The dense MLP, or routed experts ("noaux_tc") and shared ones, of the normed x
/// [batch, tokens, D]. All experts run on every token, with weight zero where it did not choose
/// them: of experts this small one wide product is faster than many gathered ones.
FeedForwardOutput feed_forward(const ModelConfig& config, const LayerParameters& parameters,
                               const Normed& x, Precision precision);

/// What the bias of "noaux_tc" learns: step towards the experts with less than the mean load, away
/// from those with more (arXiv 2408.15664), in place.
void balance(at::Tensor router_bias, const at::Tensor& load, double step);

}  // namespace dsabench::train
