#pragma once
/// Device code of the ceilings. Private to kernels/ceilings; only in builds with CUDA.
#include <cuda_runtime_api.h>

#include <cstdint>

namespace dsabench {

/// Normal numbers in e4m3: element i of the stream, as ops::fill_normal numbers it.
void fill_normal_e4m3(std::uint8_t* out, std::int64_t count, std::uint64_t stream_state,
                      cudaStream_t stream);

/// A table of rows of 16-byte words that many warps read at random.
struct GatherCeiling {
  static constexpr int kRows = 200'000, kRowBytes = 1152;
  static constexpr int kBlocks = 4096, kWarpsPerBlock = 8, kRowsPerWarp = 64;
  static constexpr std::int64_t kTableBytes = std::int64_t{kRows} * kRowBytes;
  static constexpr std::int64_t kBytesRead =
      std::int64_t{kBlocks} * kWarpsPerBlock * kRowsPerWarp * kRowBytes;
};
/// `table` holds kTableBytes of zeros; `never` is not written.
void gather_rows(const void* table, unsigned* never, cudaStream_t stream);

}  // namespace dsabench
