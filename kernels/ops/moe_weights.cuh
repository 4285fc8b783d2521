#pragma once
#include "kernels/cuda/rows.cuh"

namespace dsabench::ops::detail {

/// The rows of one of the experts' matrices.
template <class T>
struct ExpertWeights {
  const T* data;
  std::int64_t expert_stride, row_stride;

  /// `view` [experts, rows, columns].
  explicit ExpertWeights(const ConstTensorView& view)
      : data(cuda::rows<const T>(view).data),
        expert_stride(view.stride(0)),
        row_stride(view.stride(1)) {}

  __device__ __forceinline__ const T* row(std::int64_t expert, std::int64_t row) const {
    return data + expert * expert_stride + row * row_stride;
  }
};

}  // namespace dsabench::ops::detail
