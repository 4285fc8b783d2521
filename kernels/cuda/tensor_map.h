#pragma once
#include <cuda.h>

#include "kernels/base/tensor_view.h"

namespace dsabench::cuda {

/// Whether the driver can make tensor maps (12.0 and newer).
bool has_tensor_maps();

/// Columns of a box: 128 bytes of bf16.
inline constexpr int kBoxColumns = 64;

/// `tensor` [outer, rows, columns], bf16, as the copy engine of compute capability 9.0 fetches it:
/// in boxes [1, box_rows, 64], rows of 128 bytes in the 128-byte swizzle of sm90.cuh, zeros outside
/// the tensor. Start and strides must be multiples of 16 bytes, box_rows at most 256. The map holds
/// the address, not the memory. Throws CudaError where the driver refuses.
CUtensorMap bf16_boxes(const ConstTensorView& tensor, int box_rows);

}  // namespace dsabench::cuda
