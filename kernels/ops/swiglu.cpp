#include "kernels/ops/swiglu.h"

#include "kernels/base/check.h"
#include "kernels/ops/detail_cpu.h"

namespace dsabench::ops {

void swiglu(const Context& ctx, const SwigluArgs& args) {
  check_tensor(ctx, "swiglu", "gate", args.gate, DType::f32, {kAnySize, kAnySize});
  const std::int64_t tokens = args.gate.dim(0), dim = args.gate.dim(1);
  check_tensor(ctx, "swiglu", "up", args.up, DType::f32, {tokens, dim});
  check_tensor(ctx, "swiglu", "out", args.out, DType::f32, {tokens, dim});
  if (ctx.device.is_cpu()) return detail::swiglu_cpu(args);
  throw_unsupported_device("swiglu", ctx);
}

}  // namespace dsabench::ops
