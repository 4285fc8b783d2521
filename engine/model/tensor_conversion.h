#pragma once
#include <cstdint>

#include "kernels/base/tensor_view.h"

namespace dsabench {

/// Whether copy_as_f32 reads this type.
bool converts_to_f32(DType dtype);

/// Writes a contiguous tensor of f32, bf16, f16, f8_e4m3 or f8_e8m0 as floats. The source need not
/// be aligned for its type: it may lie anywhere in a mapped file. Throws InvalidArgument for
/// another type.
void copy_as_f32(ConstTensorView source, float* destination);

/// Writes the matrix that FP8 codes with block scales stand for:
/// destination[r, c] = codes[r, c] * scales[r / block_rows, c / block_columns]; blocks at the right
/// and lower edge may be partial.
///   codes   [rows, columns]                                            f8_e4m3
///   scales  [ceil(rows / block_rows), ceil(columns / block_columns)]   f32 | f8_e8m0 | bf16
/// Both contiguous and at any alignment. Throws InvalidArgument where the shapes do not fit.
void dequantize_blocks(ConstTensorView codes, ConstTensorView scales, std::int64_t block_rows,
                       std::int64_t block_columns, float* destination);

}  // namespace dsabench
