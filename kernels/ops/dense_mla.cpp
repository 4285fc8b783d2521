#include "kernels/ops/dense_mla.h"

#include "kernels/base/check.h"
#include "kernels/ops/check_latents.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops {
namespace {

constexpr std::string_view kName = "dense_mla";

}  // namespace

void dense_mla(const Context& ctx, const DenseMlaArgs& args) {
  const DType dtype = activation_dtype(ctx, args.q_latent);
  check_tensor(ctx, kName, "q_latent", args.q_latent, dtype, {kAnySize, kAnySize, kAnySize});
  const std::int64_t tokens = args.q_latent.dim(0), heads = args.q_latent.dim(1);
  const std::int64_t latent_dim = args.q_latent.dim(2);
  check_tensor(ctx, kName, "q_rope", args.q_rope, dtype, {tokens, heads, kAnySize});
  check_tensor(ctx, kName, "out", args.out, dtype, {tokens, heads, latent_dim});
  for (std::size_t i = 0; i < args.sequences.size(); ++i) {
    const LatentSequence& sequence = args.sequences[i];
    if (sequence.span.num_rows == 0) continue;
    check_latents(ctx, kName, i, sequence, args.q_latent, args.q_rope);
  }

  if (ctx.device.is_cpu()) return detail::dense_mla_cpu(ctx, args);
  detail::dense_mla_cuda(ctx, args);
}

}  // namespace dsabench::ops
