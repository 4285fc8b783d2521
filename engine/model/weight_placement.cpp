#include "engine/model/weight_placement.h"

#include <fmt/format.h>

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

}  // namespace dsabench
