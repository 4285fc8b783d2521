#include "kernels/ops/append_index_keys.h"
#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/row_steps.h"
#include "kernels/ops/threads.h"

namespace dsabench::ops::detail {

void append_index_keys_cpu(const Context& ctx, const AppendIndexKeysArgs& args) {
  const VectorMath& math = vector_math();
  const std::int64_t tokens = args.x.dim(0), dim = args.x.dim(1), pairs = args.cos.dim(1);
  const bool fp8 = args.keys.dtype() == DType::f8_e4m3;
  const auto* slots = args.slots.data<std::int32_t>();
  float* scratch = fp8 ? ctx.workspace.take_floats(max_threads() * dim) : nullptr;
#pragma omp parallel for schedule(static) if (tokens * dim > kMinParallelElements)
  for (std::int64_t t = 0; t < tokens; ++t) {
    const std::int64_t slot = slots[t];
    if (slot < 0) continue;
    float* key = fp8 ? scratch + thread_number() * dim : args.keys.row<float>(slot);
    layer_norm_row(math, args.x.row<float>(t), args.norm_weight.data<float>(),
                   args.norm_bias.data<float>(), args.eps, dim, key);
    rope_row(key, args.rope_layout, args.cos.row<float>(t), args.sin.row<float>(t), pairs);
    if (args.hadamard) hadamard_row(math, key, dim);
    if (!fp8) continue;
    args.key_scales.data<float>()[slot] =
        quantize_row(key, dim, true, args.keys.row<std::uint8_t>(slot));
  }
}

}  // namespace dsabench::ops::detail
