#include "kernels/ops/append_latents.h"
#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/fp8_latents_cpu.h"
#include "kernels/ops/threads.h"

namespace dsabench::ops::detail {

void append_latents_cpu(const Context& ctx, const AppendLatentsArgs& args) {
  const VectorMath& math = vector_math();
  const std::int64_t tokens = args.x.dim(0), latent = args.weight.dim(0), pairs = args.cos.dim(1);
  const bool fp8 = args.latents.dtype() == DType::u8;
  const Fp8LatentRow layout{latent, 2 * pairs};
  const auto* slots = args.slots.data<std::int32_t>();
  const float* weight = args.weight.data<float>();
  const std::int64_t width = latent + 2 * pairs;
  float* scratch = fp8 ? ctx.workspace.take_floats(max_threads() * width) : nullptr;
#pragma omp parallel for schedule(static) if (tokens * latent > kMinParallelElements)
  for (std::int64_t t = 0; t < tokens; ++t) {
    if (slots[t] < 0) continue;
    const float* x = args.x.row<float>(t);
    float* out = fp8 ? scratch + thread_number() * width : args.latents.row<float>(slots[t]);
    rms_norm_row(math, x, weight, args.eps, latent, out);
    std::copy_n(x + latent, 2 * pairs, out + latent);
    rope_row(out + latent, RopeLayout::interleaved, args.cos.row<float>(t), args.sin.row<float>(t),
             pairs);
    if (fp8) {
      store_fp8_latents(layout, out, out + latent, args.latents.row<std::uint8_t>(slots[t]));
    }
  }
}

}  // namespace dsabench::ops::detail
