#include "kernels/ops/copy_rows.h"

#include "kernels/base/check.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops {

void copy_rows(const Context& ctx, const CopyRowsArgs& args) {
  check_tensor(ctx, "copy_rows", "from", args.from, activation_dtype(ctx, args.from),
               {kAnySize, kAnySize});
  check_tensor(ctx, "copy_rows", "to", args.to, activation_dtype(ctx, args.to),
               {args.from.dim(0), args.from.dim(1)});
  if (ctx.device.is_cpu()) return detail::copy_rows_cpu(args);
  detail::copy_rows_cuda(ctx, args);
}

}  // namespace dsabench::ops
