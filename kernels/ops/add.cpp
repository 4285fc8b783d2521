#include "kernels/ops/add.h"

#include "kernels/base/check.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops {

void add(const Context& ctx, const AddArgs& args) {
  const DType dtype = activation_dtype(ctx, args.residual);
  check_tensor(ctx, "add", "residual", args.residual, dtype, {kAnySize, kAnySize});
  const std::int64_t tokens = args.residual.dim(0), dim = args.residual.dim(1);
  check_tensor(ctx, "add", "update", args.update, dtype, {tokens, dim});
  if (ctx.device.is_cpu()) return detail::add_cpu(args);
  detail::add_cuda(ctx, args);
}

}  // namespace dsabench::ops
