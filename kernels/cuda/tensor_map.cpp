#include "kernels/cuda/tensor_map.h"

#include <fmt/format.h>

#include "kernels/base/error.h"
#include "kernels/cuda/check.h"

namespace dsabench::cuda {
namespace {

using Encode = decltype(&cuTensorMapEncodeTiled);

/// Asked of the driver when the program runs: nothing links to libcuda.
Encode encoder() {
  static const Encode encode = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
    DSABENCH_CUDA_CHECK(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000,
                                                         cudaEnableDefault, &found));
    return found == cudaDriverEntryPointSuccess ? reinterpret_cast<Encode>(function) : nullptr;
  }();
  return encode;
}

void check(CUresult result, const std::string& what) {
  if (result == CUDA_SUCCESS) return;
  throw CudaError(fmt::format("the driver refuses a tensor map of {} (CUresult {})", what,
                              static_cast<int>(result)));
}

}  // namespace

bool has_tensor_maps() { return encoder() != nullptr; }

CUtensorMap slab_boxes(const Matrices& matrices, int box_rows, int row_step) {
  CUtensorMap map;
  const std::int64_t size = dtype_bytes(matrices.dtype);
  const auto number = [](std::int64_t value) { return static_cast<cuuint64_t>(value); };
  const cuuint64_t sizes[] = {number(matrices.columns), number(matrices.rows),
                              number(matrices.outer)};
  const cuuint64_t strides[] = {number(matrices.row_stride * size),
                                number(matrices.outer_stride * size)};
  // What the box spans, of which every row_step-th row is fetched.
  const cuuint32_t box[] = {static_cast<cuuint32_t>(128 / size),
                            static_cast<cuuint32_t>(box_rows * row_step), 1};
  const cuuint32_t steps[] = {1, static_cast<cuuint32_t>(row_step), 1};
  const CUresult result =
      encoder()(&map, size == 2 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_UINT8,
                3, const_cast<void*>(matrices.data), sizes, strides, box, steps,
                CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  check(result, fmt::format("[{}, {}, {}] {} with strides {} and {}", matrices.outer, matrices.rows,
                            matrices.columns, dtype_name(matrices.dtype), matrices.outer_stride,
                            matrices.row_stride));
  return map;
}

CUtensorMap float_boxes(const float* data, std::int64_t size, int box) {
  CUtensorMap map;
  const cuuint64_t sizes[] = {static_cast<cuuint64_t>(size)};
  const cuuint64_t strides[] = {0};  // of no further dimension, yet it may not be null
  const cuuint32_t boxes[] = {static_cast<cuuint32_t>(box)};
  const cuuint32_t steps[] = {1};
  const CUresult result =
      encoder()(&map, CU_TENSOR_MAP_DATA_TYPE_FLOAT32, 1, const_cast<float*>(data), sizes, strides,
                boxes, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_NONE,
                CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  check(result, fmt::format("{} f32", size));
  return map;
}

}  // namespace dsabench::cuda
