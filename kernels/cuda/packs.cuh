#pragma once
/// Kernels that give every thread one pack of a row.
#include <cstdint>

#include "kernels/cuda/rows.cuh"

namespace dsabench::cuda {

inline constexpr int kPackThreads = 256;

/// Blocks of kPackThreads that share a row of `dim` elements.
inline std::int64_t pack_blocks(std::int64_t dim, int width) {
  return ceil_div(dim, std::int64_t{kPackThreads} * width);
}

/// Where a thread's pack lies, in a grid of so many blocks for each row; beyond the row there is
/// none.
struct PackPlace {
  std::int64_t row, column;
};
template <int kWidth>
__device__ __forceinline__ PackPlace pack_place(unsigned row_blocks) {
  return {blockIdx.x / row_blocks,
          (std::int64_t{blockIdx.x % row_blocks} * kPackThreads + threadIdx.x) * kWidth};
}

}  // namespace dsabench::cuda
