#include "tests/support/placed_model.h"

#include "kernels/base/float_formats.h"
#include "kernels/cuda/device_queue.h"
#include "tests/support/test_device.h"

namespace dsabench::test {
namespace {

Tensor copied(const Tensor& tensor) { return tensor.empty() ? Tensor() : tensor.clone(); }

DenseMlpWeights copied(const DenseMlpWeights& w) { return {copied(w.gate_up), copied(w.down)}; }

IndexerWeights copied(const IndexerWeights& w) {
  return {copied(w.wq_b), copied(w.wk), copied(w.k_norm_weight), copied(w.k_norm_bias),
          copied(w.weights_proj)};
}

MoeWeights copied(const MoeWeights& w) {
  MoeWeights copy{copied(w.router), copied(w.router_bias), copied(w.gate_up), copied(w.down), {}};
  if (w.shared) copy.shared = copied(*w.shared);
  return copy;
}

AttentionWeights copied(const AttentionWeights& w) {
  AttentionWeights copy{copied(w.q_a_proj),
                        copied(w.q_a_norm),
                        copied(w.q_b_proj),
                        copied(w.kv_a_proj),
                        copied(w.kv_a_norm),
                        copied(w.kv_b_proj),
                        copied(w.o_proj),
                        copied(w.q_a_bias),
                        copied(w.kv_a_bias),
                        copied(w.o_bias),
                        {}};
  if (w.indexer) copy.indexer = copied(*w.indexer);
  return copy;
}

LayerWeights copied(const LayerWeights& w) {
  LayerWeights copy{
      copied(w.input_norm), copied(w.post_attention_norm), copied(w.attention), {}, {}};
  if (w.dense) copy.dense = copied(*w.dense);
  if (w.moe) copy.moe = copied(*w.moe);
  return copy;
}

/// Down and up again: what is left is what bf16 holds.
Tensor rounded(Tensor tensor) {
  if (tensor.empty()) return tensor;
  float* values = tensor.data<float>();
  for (std::int64_t i = 0; i < tensor.view().num_elements(); ++i) {
    values[i] = bf16_to_f32(f32_to_bf16(values[i]));
  }
  return tensor;
}

}  // namespace

std::shared_ptr<const Weights> placed_copy(const Weights& weights,
                                           const WeightPlacement& placement) {
  auto copy = std::make_shared<Weights>();
  copy->embedding = placed(copied(weights.embedding), placement);
  copy->final_norm = placed(copied(weights.final_norm), placement);
  copy->lm_head = placed(copied(weights.lm_head), placement);
  for (const LayerWeights& layer : weights.layers) {
    copy->layers.push_back(copied(layer));
    place(copy->layers.back(), placement);
  }
  return copy;
}

RandomModel rounded_to_bf16(const RandomModel& model) {
  auto copy = std::make_shared<Weights>();
  const Weights& weights = *model.weights;
  copy->embedding = rounded(copied(weights.embedding));
  copy->final_norm = rounded(copied(weights.final_norm));
  copy->lm_head = rounded(copied(weights.lm_head));
  for (const LayerWeights& layer : weights.layers) {
    LayerWeights& to = copy->layers.emplace_back(copied(layer));
    for_each_tensor(to, [](Tensor& tensor, bool stays_f32) {
      if (!stays_f32) tensor = rounded(std::move(tensor));
    });
  }
  return {model.config, std::move(copy)};
}

WeightPlacement engine_placement() {
  const Device device = test_device();
  if (device.is_cpu()) return {};
  return {cuda::device_queue(device), DType::f32};
}

std::vector<WeightPlacement> all_placements() {
  const WeightPlacement first = engine_placement();
  if (first.queue == nullptr) return {first};
  return {first, {first.queue, DType::bf16}};
}

}  // namespace dsabench::test
