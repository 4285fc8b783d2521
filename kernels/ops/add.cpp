#include "kernels/ops/add.h"

#include "kernels/base/check.h"
#include "kernels/ops/detail_cpu.h"

namespace dsabench::ops {

void add(const Context& ctx, const AddArgs& args) {
  check_tensor(ctx, "add", "residual", args.residual, DType::f32, {kAnySize, kAnySize});
  const std::int64_t tokens = args.residual.dim(0), dim = args.residual.dim(1);
  check_tensor(ctx, "add", "update", args.update, DType::f32, {tokens, dim});
  if (ctx.device.is_cpu()) return detail::add_cpu(args);
  throw_unsupported_device("add", ctx);
}

}  // namespace dsabench::ops
