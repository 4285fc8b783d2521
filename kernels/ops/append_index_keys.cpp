#include "kernels/ops/append_index_keys.h"

#include <bit>

#include "kernels/ops/check_slots.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops {
namespace {

constexpr std::string_view kName = "append_index_keys";

void check_dim(const Context& ctx, const AppendIndexKeysArgs& args) {
  constexpr std::int64_t kMaxCudaDim = 8192;
  const std::int64_t dim = args.x.dim(1), rope_dim = 2 * args.cos.dim(1);
  if (rope_dim > dim) {
    throw InvalidArgument(fmt::format("{}: rotates {} of {} values", kName, rope_dim, dim));
  }
  if (args.hadamard && !std::has_single_bit(static_cast<std::uint64_t>(dim))) {
    throw InvalidArgument(
        fmt::format("{}: dim must be a power of two for hadamard, got {}", kName, dim));
  }
  if (!ctx.device.is_cpu() && dim > kMaxCudaDim) {
    throw InvalidArgument(fmt::format("{}: dim must be at most {} on {}, got {}", kName,
                                      kMaxCudaDim, ctx.device.name(), dim));
  }
}

}  // namespace

void append_index_keys(const Context& ctx, const AppendIndexKeysArgs& args) {
  const DType dtype = activation_dtype(ctx, args.x);
  check_tensor(ctx, kName, "x", args.x, dtype, {kAnySize, kAnySize});
  const std::int64_t tokens = args.x.dim(0), dim = args.x.dim(1);
  check_tensor(ctx, kName, "norm_weight", args.norm_weight, dtype, {dim});
  check_tensor(ctx, kName, "norm_bias", args.norm_bias, dtype, {dim});
  check_tensor(ctx, kName, "cos", args.cos, DType::f32, {tokens, kAnySize});
  check_tensor(ctx, kName, "sin", args.sin, DType::f32, {tokens, args.cos.dim(1)});
  check_dim(ctx, args);
  const bool fp8 = args.keys.dtype() == DType::f8_e4m3;
  check_tensor(ctx, kName, "keys", args.keys, fp8 ? DType::f8_e4m3 : dtype, {kAnySize, dim});
  const std::int64_t rows = args.keys.dim(0);
  if (fp8) {
    check_tensor(ctx, kName, "key_scales", args.key_scales, DType::f32, {rows});
  } else if (!args.key_scales.empty()) {
    throw InvalidArgument(
        fmt::format("{}: key_scales beside {} keys", kName, dtype_name(args.keys.dtype())));
  }
  check_slots(ctx, kName, args.slots, tokens, rows);
  if (ctx.device.is_cpu()) return detail::append_index_keys_cpu(ctx, args);
  detail::append_index_keys_cuda(ctx, args);
}

}  // namespace dsabench::ops
