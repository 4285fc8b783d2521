#pragma once
#include "train/tensors.h"

namespace dsabench::train {

/// A matrix as FP8 checkpoints store it: w ~ code * scale, one scale for each block.
struct Fp8Matrix {
  at::Tensor codes;   ///< e4m3 as bytes [rows, columns]
  at::Tensor scales;  ///< f32 [ceil(rows / block rows), ceil(columns / block columns)]
};

/// The block's largest magnitude becomes the largest code, 448; values round to the nearest, ties
/// to even. A block of zeros has the scale 1. `matrix` [rows, columns] on the host.
Fp8Matrix quantize_blocks(const at::Tensor& matrix, std::int64_t block_rows,
                          std::int64_t block_columns);

}  // namespace dsabench::train
