#pragma once
#include "kernels/cuda/numeric.cuh"

namespace dsabench::ops::detail {

/// Walsh-Hadamard transform of `row` [dim] in shared memory by a block of kThreads, which
/// overwrites it: finish(i, value) gets value i of the result, the sums divided by sqrt(dim). `dim`
/// is a power of two. The row must have been written before a barrier; the caller's barrier
/// follows.
template <int kThreads, class Finish>
__device__ __forceinline__ void hadamard_row(float* row, int dim, Finish&& finish) {
  const int thread = static_cast<int>(threadIdx.x);
  for (int half = 1; half < dim; half *= 2) {
    for (int pair = thread; pair < dim / 2; pair += kThreads) {
      const int i = pair / half * 2 * half + pair % half;
      const float a = row[i], b = row[i + half];
      row[i] = a + b;
      row[i + half] = a - b;
    }
    __syncthreads();
  }
  const float norm = 1.0f / sqrtf(static_cast<float>(dim));
  for (int i = thread; i < dim; i += kThreads) finish(i, row[i] * norm);
}

}  // namespace dsabench::ops::detail
