#include "kernels/ops/linear.h"

#include <limits>

#include "kernels/base/check.h"
#include "kernels/ops/detail_cuda.h"

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
  const DType dtype = activation_dtype(ctx, args.x);
  // Logits and scores leave a bf16 product unrounded where the caller gives f32 memory.
  const DType out_dtype = dtype == DType::bf16 ? activation_dtype(ctx, args.out) : dtype;
  check_tensor(ctx, "linear", "x", args.x, dtype, {kAnySize, kAnySize});
  const std::int64_t tokens = args.x.dim(0), in = args.x.dim(1);
  check_tensor(ctx, "linear", "weight", args.weight, dtype, {kAnySize, in});
  const std::int64_t out = args.weight.dim(0);
  if (args.bias) check_tensor(ctx, "linear", "bias", args.bias, out_dtype, {out});
  check_tensor(ctx, "linear", "out", args.out, out_dtype, {tokens, out});
  check_sizes("linear", "x", args.x);
  check_sizes("linear", "weight", args.weight);
  check_sizes("linear", "out", args.out);
  if (ctx.device.is_cpu()) return detail::linear_cpu(args);
  detail::linear_cuda(ctx, args);
}

void head_linear(const Context& ctx, const HeadLinearArgs& args) {
  const DType dtype = activation_dtype(ctx, args.x);
  check_tensor(ctx, "head_linear", "x", args.x, dtype, {kAnySize, kAnySize, kAnySize});
  const std::int64_t tokens = args.x.dim(0), heads = args.x.dim(1), in = args.x.dim(2);
  check_tensor(ctx, "head_linear", "out", args.out, dtype, {tokens, heads, kAnySize});
  const std::int64_t out = args.out.dim(2);
  if (args.transpose_weight) {
    check_tensor(ctx, "head_linear", "weight", args.weight, dtype, {heads, in, out});
  } else {
    check_tensor(ctx, "head_linear", "weight", args.weight, dtype, {heads, out, in});
  }
  check_sizes("head_linear", "x", args.x);
  check_sizes("head_linear", "weight", args.weight);
  check_sizes("head_linear", "out", args.out);
  if (ctx.device.is_cpu()) return detail::head_linear_cpu(args);
  detail::head_linear_cuda(ctx, args);
}

}  // namespace dsabench::ops
