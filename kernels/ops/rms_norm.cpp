#include "kernels/ops/rms_norm.h"

#include "kernels/base/check.h"
#include "kernels/ops/detail_cpu.h"

namespace dsabench::ops {

void rms_norm(const Context& ctx, const RmsNormArgs& args) {
  check_tensor(ctx, "rms_norm", "x", args.x, DType::f32, {kAnySize, kAnySize});
  const std::int64_t tokens = args.x.dim(0), dim = args.x.dim(1);
  check_tensor(ctx, "rms_norm", "weight", args.weight, DType::f32, {dim});
  check_tensor(ctx, "rms_norm", "out", args.out, DType::f32, {tokens, dim});
  if (ctx.device.is_cpu()) return detail::rms_norm_cpu(args);
  throw_unsupported_device("rms_norm", ctx);
}

}  // namespace dsabench::ops
