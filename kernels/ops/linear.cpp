#include "kernels/ops/linear.h"

#include <limits>

#include "kernels/base/check.h"
#include "kernels/ops/detail_cpu.h"

namespace dsabench::ops {
namespace {

/// BLAS counts in 32 bits.
template <class Byte>
void check_sizes(std::string_view op, std::string_view name, const BasicTensorView<Byte>& view) {
  for (int i = 0; i < view.rank(); ++i) {
    if (view.dim(i) > std::numeric_limits<std::int32_t>::max() ||
        view.stride(i) > std::numeric_limits<std::int32_t>::max()) {
      throw InvalidArgument(fmt::format("{}: {} must have sizes and strides below 2^31, got {}", op,
                                        name, view.shape_string()));
    }
  }
}

}  // namespace

void linear(const Context& ctx, const LinearArgs& args) {
  check_tensor(ctx, "linear", "x", args.x, DType::f32, {kAnySize, kAnySize});
  const std::int64_t tokens = args.x.dim(0), in = args.x.dim(1);
  check_tensor(ctx, "linear", "weight", args.weight, DType::f32, {kAnySize, in});
  const std::int64_t out = args.weight.dim(0);
  if (args.bias) check_tensor(ctx, "linear", "bias", args.bias, DType::f32, {out});
  check_tensor(ctx, "linear", "out", args.out, DType::f32, {tokens, out});
  check_sizes("linear", "x", args.x);
  check_sizes("linear", "weight", args.weight);
  check_sizes("linear", "out", args.out);
  if (ctx.device.is_cpu()) return detail::linear_cpu(args);
  throw_unsupported_device("linear", ctx);
}

void head_linear(const Context& ctx, const HeadLinearArgs& args) {
  check_tensor(ctx, "head_linear", "x", args.x, DType::f32, {kAnySize, kAnySize, kAnySize});
  const std::int64_t tokens = args.x.dim(0), heads = args.x.dim(1), in = args.x.dim(2);
  check_tensor(ctx, "head_linear", "out", args.out, DType::f32, {tokens, heads, kAnySize});
  const std::int64_t out = args.out.dim(2);
  if (args.transpose_weight) {
    check_tensor(ctx, "head_linear", "weight", args.weight, DType::f32, {heads, in, out});
  } else {
    check_tensor(ctx, "head_linear", "weight", args.weight, DType::f32, {heads, out, in});
  }
  check_sizes("head_linear", "x", args.x);
  check_sizes("head_linear", "weight", args.weight);
  check_sizes("head_linear", "out", args.out);
  if (ctx.device.is_cpu()) return detail::head_linear_cpu(args);
  throw_unsupported_device("head_linear", ctx);
}

}  // namespace dsabench::ops
