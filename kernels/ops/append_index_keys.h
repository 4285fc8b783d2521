#pragma once
#include "kernels/base/context.h"
#include "kernels/ops/rope.h"

namespace dsabench::ops {

/// Writes a pass's indexer keys into their cache, in one go: each row of x through layer_norm, rope
/// on its first rope_dim values and, where asked for, hadamard; then as it is, or through
/// quantize_fp8 in one block with a power-of-two scale, to row slots[t] of the cache. The same
/// values as those operators, roundings to bf16 between them included.
///   x                       [tokens, dim]           f32
///   norm_weight, norm_bias  [dim]                   f32
///   cos, sin                [tokens, rope_dim / 2]  f32
///   slots                   [tokens]                i32: rows of the cache, each at most once; -1:
///                                                   the row is not written
///   keys                    [rows, dim]             f32, or f8_e4m3; other rows are left alone
///   key_scales              [rows]                  f32, with f8_e4m3 keys only
/// On CUDA x, norm_weight, norm_bias and with them unquantised keys may be bf16, and dim is at most
/// 8192. Throws InvalidArgument on a mismatch, for a Hadamard transform of a dim that is no power
/// of two, and for a slot beyond the cache; on CUDA, where looking would mean waiting, such a row
/// is not written.
struct AppendIndexKeysArgs {
  ConstTensorView x, norm_weight, norm_bias, cos, sin, slots;
  TensorView keys, key_scales;
  float eps = 1e-6f;
  RopeLayout rope_layout = RopeLayout::interleaved;
  bool hadamard = false;
};
void append_index_keys(const Context& ctx, const AppendIndexKeysArgs& args);

}  // namespace dsabench::ops
