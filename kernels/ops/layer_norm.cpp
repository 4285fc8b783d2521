#include "kernels/ops/layer_norm.h"

#include "kernels/base/check.h"
#include "kernels/ops/detail_cpu.h"

namespace dsabench::ops {

void layer_norm(const Context& ctx, const LayerNormArgs& args) {
  check_tensor(ctx, "layer_norm", "x", args.x, DType::f32, {kAnySize, kAnySize});
  const std::int64_t tokens = args.x.dim(0), dim = args.x.dim(1);
  check_tensor(ctx, "layer_norm", "weight", args.weight, DType::f32, {dim});
  check_tensor(ctx, "layer_norm", "bias", args.bias, DType::f32, {dim});
  check_tensor(ctx, "layer_norm", "out", args.out, DType::f32, {tokens, dim});
  if (ctx.device.is_cpu()) return detail::layer_norm_cpu(args);
  throw_unsupported_device("layer_norm", ctx);
}

}  // namespace dsabench::ops
