#include "kernels/ops/scale.h"

#include "kernels/base/check.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops {

void scale(const Context& ctx, const ScaleArgs& args) {
  check_tensor(ctx, "scale", "values", args.values, DType::f32, {kAnySize, kAnySize});
  if (args.scales) {
    check_tensor(ctx, "scale", "scales", args.scales, DType::f32,
                 {args.values.dim(0), args.values.dim(1)});
  }
  if (!args.values.is_contiguous() || (args.scales && !args.scales.is_contiguous())) {
    throw InvalidArgument("scale: values and scales must be contiguous");
  }
  if (ctx.device.is_cpu()) return detail::scale_cpu(args);
  detail::scale_cuda(ctx, args);
}

}  // namespace dsabench::ops
