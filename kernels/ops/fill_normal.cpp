#include "kernels/ops/fill_normal.h"

#include "kernels/base/check.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops {

void fill_normal(const Context& ctx, const FillNormalArgs& args) {
  if (args.out.empty() || !args.out.is_contiguous() || args.out.device() != ctx.device ||
      args.out.dtype() != activation_dtype(ctx, args.out)) {
    throw InvalidArgument(fmt::format("fill_normal: out must be contiguous f32 on {}, got {} on {}",
                                      ctx.device.name(), args.out.shape_string(),
                                      args.out.device().name()));
  }
  if (ctx.device.is_cpu()) return detail::fill_normal_cpu(args);
  detail::fill_normal_cuda(ctx, args);
}

}  // namespace dsabench::ops
