#include "kernels/ops/quantize_fp8.h"

#include <bit>

#include "kernels/base/check.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

void check_block(const char* op, const char* name, std::int64_t block) {
  if (block < 1) {
    throw InvalidArgument(fmt::format("{}: {} must be at least 1, got {}", op, name, block));
  }
}

}  // namespace

void quantize_fp8(const Context& ctx, const QuantizeFp8Args& args) {
  check_block("quantize_fp8", "block", args.block);
  check_tensor(ctx, "quantize_fp8", "x", args.x, activation_dtype(ctx, args.x),
               {kAnySize, kAnySize});
  const std::int64_t rows = args.x.dim(0), dim = args.x.dim(1);
  check_tensor(ctx, "quantize_fp8", "out", args.out, DType::f8_e4m3, {rows, dim});
  check_tensor(ctx, "quantize_fp8", "scales", args.scales, DType::f32,
               {rows, ceil_div(dim, args.block)});
  if (ctx.device.is_cpu()) return detail::quantize_fp8_cpu(args);
  detail::quantize_fp8_cuda(ctx, args);
}

void dequantize_fp8(const Context& ctx, const DequantizeFp8Args& args) {
  check_block("dequantize_fp8", "block_rows", args.block_rows);
  check_block("dequantize_fp8", "block_columns", args.block_columns);
  check_tensor(ctx, "dequantize_fp8", "q", args.q, DType::f8_e4m3, {kAnySize, kAnySize});
  const std::int64_t rows = args.q.dim(0), columns = args.q.dim(1);
  check_tensor(ctx, "dequantize_fp8", "scales", args.scales, DType::f32,
               {ceil_div(rows, args.block_rows), ceil_div(columns, args.block_columns)});
  check_tensor(ctx, "dequantize_fp8", "out", args.out, activation_dtype(ctx, args.out),
               {rows, columns});
  if (ctx.device.is_cpu()) return detail::dequantize_fp8_cpu(args);
  detail::dequantize_fp8_cuda(ctx, args);
}

void hadamard(const Context& ctx, const HadamardArgs& args) {
  check_tensor(ctx, "hadamard", "x", args.x, activation_dtype(ctx, args.x), {kAnySize, kAnySize});
  const std::int64_t dim = args.x.dim(1);
  if (!std::has_single_bit(static_cast<std::uint64_t>(dim))) {
    throw InvalidArgument(fmt::format("hadamard: dim must be a power of two, got {}", dim));
  }
  if (ctx.device.is_cpu()) return detail::hadamard_cpu(args);
  constexpr std::int64_t kMaxCudaDim = 8192;
  if (dim > kMaxCudaDim) {
    throw InvalidArgument(fmt::format("hadamard: dim must be at most {} on {}, got {}", kMaxCudaDim,
                                      ctx.device.name(), dim));
  }
  detail::hadamard_cuda(ctx, args);
}

}  // namespace dsabench::ops
