#include "kernels/ops/moe_router.h"

#include "kernels/base/check.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops {

void moe_router(const Context& ctx, const MoeRouterArgs& args) {
  constexpr std::string_view kName = "moe_router";
  check_tensor(ctx, kName, "logits", args.logits, DType::f32, {kAnySize, kAnySize});
  const std::int64_t tokens = args.logits.dim(0), num_experts = args.logits.dim(1);
  check_tensor(ctx, kName, "bias", args.bias, DType::f32, {num_experts});
  check_tensor(ctx, kName, "experts", args.experts, DType::i32, {tokens, kAnySize});
  const std::int64_t top_n = args.experts.dim(1);
  check_tensor(ctx, kName, "weights", args.weights, DType::f32, {tokens, top_n});
  if (args.num_groups < 1 || num_experts % args.num_groups != 0) {
    throw InvalidArgument(fmt::format("{}: num_groups {} does not divide {} experts", kName,
                                      args.num_groups, num_experts));
  }
  const std::int64_t group_size = num_experts / args.num_groups;
  if (args.num_groups > 1 && group_size < 2) {
    throw InvalidArgument(fmt::format("{}: groups need two experts, {} groups of {} have {}", kName,
                                      args.num_groups, num_experts, group_size));
  }
  if (args.topk_groups < 1 || args.topk_groups > args.num_groups) {
    throw InvalidArgument(fmt::format("{}: topk_groups must be 1 to {}, is {}", kName,
                                      args.num_groups, args.topk_groups));
  }
  if (top_n < 1 || top_n > args.topk_groups * group_size) {
    throw InvalidArgument(fmt::format("{}: top_n must be 1 to {}, is {}", kName,
                                      args.topk_groups * group_size, top_n));
  }

  if (ctx.device.is_cpu()) return detail::moe_router_cpu(args);
  constexpr std::int64_t kMaxCudaExperts = 4096;
  if (num_experts > kMaxCudaExperts) {
    throw InvalidArgument(fmt::format("{}: at most {} experts on {}, got {}", kName,
                                      kMaxCudaExperts, ctx.device.name(), num_experts));
  }
  detail::moe_router_cuda(ctx, args);
}

}  // namespace dsabench::ops
