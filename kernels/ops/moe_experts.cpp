#include "kernels/ops/moe_experts.h"

#include "kernels/base/check.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops {
namespace {

constexpr std::string_view kName = "moe_experts";

void check_experts(const MoeExpertsArgs& args, std::int64_t num_experts) {
  for (std::int64_t t = 0; t < args.experts.dim(0); ++t) {
    const auto* experts = args.experts.row<std::int32_t>(t);
    for (std::int64_t n = 0; n < args.experts.dim(1); ++n) {
      if (experts[n] >= 0 && experts[n] < num_experts) continue;
      throw InvalidArgument(fmt::format("{}: experts of token {}, slot {}: not one of {}: {}",
                                        kName, t, n, num_experts, experts[n]));
    }
  }
}

}  // namespace

void moe_experts(const Context& ctx, const MoeExpertsArgs& args) {
  const DType dtype = activation_dtype(ctx, args.x);
  check_tensor(ctx, kName, "x", args.x, dtype, {kAnySize, kAnySize});
  const std::int64_t tokens = args.x.dim(0), hidden = args.x.dim(1);
  check_tensor(ctx, kName, "experts", args.experts, DType::i32, {tokens, kAnySize});
  check_tensor(ctx, kName, "weights", args.weights, DType::f32, {tokens, args.experts.dim(1)});
  check_tensor(ctx, kName, "down", args.down, dtype, {kAnySize, hidden, kAnySize});
  const std::int64_t num_experts = args.down.dim(0), intermediate = args.down.dim(2);
  check_tensor(ctx, kName, "gate_up", args.gate_up, dtype, {num_experts, 2 * intermediate, hidden});
  check_tensor(ctx, kName, "out", args.out, dtype, {tokens, hidden});
  if (!args.load.empty()) check_tensor(ctx, kName, "load", args.load, DType::i64, {num_experts});
  // Indices on another device are that device's kernel to check.
  if (ctx.device.is_cpu()) check_experts(args, num_experts);

  if (ctx.device.is_cpu()) return detail::moe_experts_cpu(ctx, args);
  constexpr std::int64_t kMaxCudaExperts = 4096;
  if (num_experts > kMaxCudaExperts) {
    throw InvalidArgument(fmt::format("{}: at most {} experts on {}, got {}", kName,
                                      kMaxCudaExperts, ctx.device.name(), num_experts));
  }
  detail::moe_experts_cuda(ctx, args);
}

}  // namespace dsabench::ops
