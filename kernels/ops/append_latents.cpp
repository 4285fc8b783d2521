#include "kernels/ops/append_latents.h"

#include "kernels/ops/check_slots.h"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/fp8_latents.h"

namespace dsabench::ops {

void append_latents(const Context& ctx, const AppendLatentsArgs& args) {
  constexpr std::string_view kName = "append_latents";
  const DType dtype = activation_dtype(ctx, args.x);
  check_tensor(ctx, kName, "x", args.x, dtype, {kAnySize, kAnySize});
  const std::int64_t tokens = args.x.dim(0);
  check_tensor(ctx, kName, "weight", args.weight, dtype, {kAnySize});
  check_tensor(ctx, kName, "cos", args.cos, DType::f32, {tokens, kAnySize});
  check_tensor(ctx, kName, "sin", args.sin, DType::f32, {tokens, args.cos.dim(1)});
  const std::int64_t width = args.weight.dim(0) + 2 * args.cos.dim(1);
  if (args.x.dim(1) != width) {
    throw InvalidArgument(fmt::format("{}: x must have {} + 2 * {} columns, got {}", kName,
                                      args.weight.dim(0), args.cos.dim(1), args.x.shape_string()));
  }
  const bool fp8 = args.latents.dtype() == DType::u8;
  const Fp8LatentRow layout{args.weight.dim(0), 2 * args.cos.dim(1)};
  check_tensor(ctx, kName, "latents", args.latents, fp8 ? DType::u8 : dtype,
               {kAnySize, fp8 ? layout.bytes() : width});
  check_slots(ctx, kName, args.slots, tokens, args.latents.dim(0));
  if (ctx.device.is_cpu()) return detail::append_latents_cpu(ctx, args);
  detail::append_latents_cuda(ctx, args);
}

}  // namespace dsabench::ops
