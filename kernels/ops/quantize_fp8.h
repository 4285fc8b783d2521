#pragma once
#include "kernels/base/context.h"

namespace dsabench::ops {

/// Quantises rows in blocks along the last dimension: for each block, s = max(amax, 1e-4) / 448,
/// rounded up to a power of two where `power_of_two_scale`; q = e4m3(clamp(x / s, +-448)), ties to
/// even. x ~ q * s. With block = dim: the indexer's scheme (DeepSeek-V3.2 `act_quant`, ue8m0
/// scales); with block = 128: the activations of an FP8 product. The last block of a row may be
/// partial. A block that holds NaN or infinity becomes NaN, scale and values.
///   x       [rows, dim]                 f32, or bf16 on CUDA; rows may be strided
///   out     [rows, dim]                 f8_e4m3, rows may be strided
///   scales  [rows, ceil(dim / block)]   f32, rows may be strided
/// Throws InvalidArgument on a mismatch or block < 1.
struct QuantizeFp8Args {
  ConstTensorView x;
  TensorView out, scales;
  std::int64_t block = 128;
  bool power_of_two_scale = true;
};
void quantize_fp8(const Context& ctx, const QuantizeFp8Args& args);

/// Dequantises a weight with two-dimensional blocks:
/// out[o, i] = q[o, i] * scales[o / block_rows, i / block_columns]. Edge blocks are partial.
///   q       [rows, columns]                                           f8_e4m3, rows may be strided
///   scales  [ceil(rows / block_rows), ceil(columns / block_columns)]  f32 (a multiplier, despite
///           the checkpoint's name `weight_scale_inv`)
///   out     [rows, columns]                                           f32, or bf16 on CUDA; rows
///           may be strided
/// Throws InvalidArgument on a mismatch or a block size < 1.
struct DequantizeFp8Args {
  ConstTensorView q, scales;
  TensorView out;
  std::int64_t block_rows = 128, block_columns = 128;
};
void dequantize_fp8(const Context& ctx, const DequantizeFp8Args& args);

/// Orthonormal Walsh-Hadamard transform of each row in place (Sylvester order, scaled by dim^-0.5).
///   x  [rows, dim]  f32, or bf16 on CUDA; rows may be strided; dim a power of two, at most 8192 on
///      CUDA
/// Throws InvalidArgument on a mismatch or another dim.
struct HadamardArgs {
  TensorView x;
};
void hadamard(const Context& ctx, const HadamardArgs& args);

}  // namespace dsabench::ops
