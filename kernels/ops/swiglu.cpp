#include "kernels/ops/swiglu.h"

#include "kernels/base/check.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops {

void swiglu(const Context& ctx, const SwigluArgs& args) {
  const DType dtype = activation_dtype(ctx, args.gate);
  check_tensor(ctx, "swiglu", "gate", args.gate, dtype, {kAnySize, kAnySize});
  const std::int64_t tokens = args.gate.dim(0), dim = args.gate.dim(1);
  check_tensor(ctx, "swiglu", "up", args.up, dtype, {tokens, dim});
  check_tensor(ctx, "swiglu", "out", args.out, dtype, {tokens, dim});
  if (ctx.device.is_cpu()) return detail::swiglu_cpu(args);
  detail::swiglu_cuda(ctx, args);
}

}  // namespace dsabench::ops
