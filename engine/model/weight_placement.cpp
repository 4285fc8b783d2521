#include "engine/model/weight_placement.h"

#include <fmt/format.h>

#include "engine/host_view.h"
#include "kernels/base/float_formats.h"

namespace dsabench {
namespace {

Tensor rounded_to_bf16(const Tensor& tensor) {
  Tensor rounded(DType::bf16, {tensor.shape().begin(), tensor.shape().end()});
  const float* from = tensor.data<float>();
  auto* to = rounded.data<std::uint16_t>();
  const std::int64_t count = tensor.view().num_elements();
#pragma omp parallel for schedule(static) if (count > 1 << 16)
  for (std::int64_t i = 0; i < count; ++i) to[i] = f32_to_bf16(from[i]);
  return rounded;
}

Tensor on_host(const Tensor& tensor) {
  if (tensor.empty()) return {};
  const HostView read(tensor);
  const ConstTensorView all = read.all();
  Tensor copy(DType::f32, {tensor.shape().begin(), tensor.shape().end()});
  std::memcpy(copy.data<float>(), all.raw(), static_cast<std::size_t>(copy.bytes()));
  return copy;
}

}  // namespace

void check_placement(const WeightPlacement& placement) {
  const bool device = placement.queue != nullptr;
  if (placement.dtype == DType::f32 || (device && placement.dtype == DType::bf16)) return;
  throw InvalidArgument(fmt::format("weights of dtype {} on {}: there are f32, and bf16 on a GPU",
                                    dtype_name(placement.dtype),
                                    device ? placement.queue->device().name() : "cpu"));
}

Tensor placed(Tensor tensor, const WeightPlacement& placement) {
  if (placement.queue == nullptr || tensor.empty() || tensor.queue() != nullptr) return tensor;
  if (placement.dtype == DType::bf16) tensor = rounded_to_bf16(tensor);
  Tensor there(tensor.dtype(), {tensor.shape().begin(), tensor.shape().end()}, placement.queue);
  there.copy_bytes(tensor, tensor.bytes());
  return there;
}

void place(LayerWeights& layer, const WeightPlacement& placement) {
  for_each_tensor(layer, [&](Tensor& tensor, bool stays_f32) {
    const WeightPlacement where{placement.queue, stays_f32 ? DType::f32 : placement.dtype};
    tensor = placed(std::move(tensor), where);
  });
}

AttentionWeights host_copy(const AttentionWeights& w) {
  AttentionWeights copy;
  copy.q_a_proj = on_host(w.q_a_proj);
  copy.q_a_norm = on_host(w.q_a_norm);
  copy.q_b_proj = on_host(w.q_b_proj);
  copy.kv_a_proj = on_host(w.kv_a_proj);
  copy.kv_a_norm = on_host(w.kv_a_norm);
  copy.kv_b_proj = on_host(w.kv_b_proj);
  copy.o_proj = on_host(w.o_proj);
  copy.q_a_bias = on_host(w.q_a_bias);
  copy.kv_a_bias = on_host(w.kv_a_bias);
  copy.o_bias = on_host(w.o_bias);
  if (w.indexer) {
    copy.indexer.emplace(IndexerWeights{
        on_host(w.indexer->wq_b), on_host(w.indexer->wk), on_host(w.indexer->k_norm_weight),
        on_host(w.indexer->k_norm_bias), on_host(w.indexer->weights_proj)});
  }
  return copy;
}

}  // namespace dsabench
