#include "kernels/cuda/tensor_map.h"

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

}  // namespace

bool has_tensor_maps() { return encoder() != nullptr; }

CUtensorMap bf16_boxes(const ConstTensorView& tensor, int box_rows) {
  CUtensorMap map;
  const auto size = [&](int i) { return static_cast<cuuint64_t>(tensor.dim(i)); };
  const auto stride = [&](int i) { return static_cast<cuuint64_t>(tensor.stride(i)) * 2; };
  const cuuint64_t sizes[] = {size(2), size(1), size(0)};
  const cuuint64_t strides[] = {stride(1), stride(0)};
  const cuuint32_t box[] = {kBoxColumns, static_cast<cuuint32_t>(box_rows), 1};
  const cuuint32_t steps[] = {1, 1, 1};
  const CUresult result = encoder()(
      &map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, const_cast<std::byte*>(tensor.raw()), sizes,
      strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
      CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) {
    throw CudaError("tensor map of " + tensor.shape_string() + ": driver error " +
                    std::to_string(static_cast<int>(result)));
  }
  return map;
}

}  // namespace dsabench::cuda
