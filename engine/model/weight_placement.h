#pragma once
#include <utility>

#include "engine/model/weights.h"
#include "kernels/base/device_queue.h"

namespace dsabench {

/// Where weights live and of which type their matrices and norms are there. The router's bias stays
/// f32: it meets f32 scores.
struct WeightPlacement {
  DeviceQueue* queue = nullptr;  ///< null: the host, in f32 alone
  DType dtype = DType::f32;      ///< f32, or bf16 on a device (rounded to nearest, ties to even)
};

/// Throws InvalidArgument for a type that the place does not take.
void check_placement(const WeightPlacement& placement);

/// The host's f32 tensor at its place; a tensor that is there already, or an empty one, is returned
/// as it is.
Tensor placed(Tensor tensor, const WeightPlacement& placement);
/// All tensors of a layer. Its host memory is free afterwards.
void place(LayerWeights& layer, const WeightPlacement& placement);

/// Calls action(tensor, stays_f32) on every tensor of a layer, empty ones included.
template <class Action>
void for_each_tensor(LayerWeights& layer, Action action) {
  const auto all = [&action](auto&... tensors) { (action(tensors, false), ...); };
  AttentionWeights& a = layer.attention;
  all(layer.input_norm, layer.post_attention_norm, a.q_a_proj, a.q_a_norm, a.q_b_proj, a.kv_a_proj,
      a.kv_a_norm, a.kv_b_proj, a.o_proj, a.q_a_bias, a.kv_a_bias, a.o_bias);
  if (a.indexer) {
    IndexerWeights& i = *a.indexer;
    all(i.wq_b, i.wk, i.k_norm_weight, i.k_norm_bias, i.weights_proj);
  }
  if (layer.dense) all(layer.dense->gate_up, layer.dense->down);
  if (layer.moe) {
    all(layer.moe->router, layer.moe->gate_up, layer.moe->down);
    action(layer.moe->router_bias, true);
    if (layer.moe->shared) all(layer.moe->shared->gate_up, layer.moe->shared->down);
  }
}

}  // namespace dsabench
