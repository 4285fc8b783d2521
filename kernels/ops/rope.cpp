#include "kernels/ops/rope.h"

#include "kernels/base/check.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops {

void rope_angles(const Context& ctx, const RopeAnglesArgs& args) {
  if (args.frequencies == nullptr) throw InvalidArgument("rope_angles: frequencies must be given");
  const auto pairs = static_cast<std::int64_t>(args.frequencies->inv_freq.size());
  check_tensor(ctx, "rope_angles", "positions", args.positions, DType::i32, {kAnySize});
  const std::int64_t tokens = args.positions.dim(0);
  check_tensor(ctx, "rope_angles", "cos", args.cos, DType::f32, {tokens, pairs});
  check_tensor(ctx, "rope_angles", "sin", args.sin, DType::f32, {tokens, pairs});
  if (ctx.device.is_cpu()) return detail::rope_angles_cpu(args);
  detail::rope_angles_cuda(ctx, args);
}

void rope(const Context& ctx, const RopeArgs& args) {
  check_tensor(ctx, "rope", "x", args.x, activation_dtype(ctx, args.x),
               {kAnySize, kAnySize, kAnySize});
  const std::int64_t tokens = args.x.dim(0), dim = args.x.dim(2);
  if (dim % 2 != 0) {
    throw InvalidArgument(fmt::format("rope: dim must be even, got {}", args.x.shape_string()));
  }
  check_tensor(ctx, "rope", "cos", args.cos, DType::f32, {tokens, dim / 2});
  check_tensor(ctx, "rope", "sin", args.sin, DType::f32, {tokens, dim / 2});
  if (ctx.device.is_cpu()) return detail::rope_cpu(args);
  detail::rope_cuda(ctx, args);
}

}  // namespace dsabench::ops
