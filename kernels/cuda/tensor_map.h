#pragma once
#include <cuda.h>

#include <cstdint>

#include "kernels/base/dtype.h"

namespace dsabench::cuda {

/// Whether the driver can make tensor maps (12.0 and newer).
bool has_tensor_maps();

/// Matrices [outer, rows, columns] of one type in device memory; strides in elements.
struct Matrices {
  const void* data;
  DType dtype;
  std::int64_t outer, rows, columns, outer_stride, row_stride;
};

/// `matrices` as the copy engine of compute capability 9.0 fetches them: in boxes of [1, box_rows,
/// 128 bytes] that become slabs (sm90.cuh), zeros outside the tensor; rows `row_step` (at most 8)
/// apart. Start and strides must be multiples of 16 bytes, box_rows * row_step at most 256. The map
/// holds the address, not the memory. Throws CudaError where the driver refuses.
CUtensorMap slab_boxes(const Matrices& matrices, int box_rows, int row_step = 1);

/// `size` consecutive f32 values in boxes of `box`, at most 256, as they lie; zeros outside. The
/// start must be a multiple of 16 bytes.
CUtensorMap float_boxes(const float* data, std::int64_t size, int box);

}  // namespace dsabench::cuda
