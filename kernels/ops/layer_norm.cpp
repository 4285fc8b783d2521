#include "kernels/ops/layer_norm.h"

#include "kernels/base/check.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops {

void layer_norm(const Context& ctx, const LayerNormArgs& args) {
  const DType dtype = activation_dtype(ctx, args.x);
  check_tensor(ctx, "layer_norm", "x", args.x, dtype, {kAnySize, kAnySize});
  const std::int64_t tokens = args.x.dim(0), dim = args.x.dim(1);
  check_tensor(ctx, "layer_norm", "weight", args.weight, dtype, {dim});
  check_tensor(ctx, "layer_norm", "bias", args.bias, dtype, {dim});
  check_tensor(ctx, "layer_norm", "out", args.out, dtype, {tokens, dim});
  if (ctx.device.is_cpu()) return detail::layer_norm_cpu(args);
  detail::layer_norm_cuda(ctx, args);
}

}  // namespace dsabench::ops
