#include "kernels/ceilings/ceiling_kernels.h"
#include "kernels/cuda/check.h"
#include "kernels/cuda/numeric.cuh"
#include "kernels/ops/fill_normal.h"

namespace dsabench {
namespace {

constexpr int kThreads = 256;

__global__ void fill_kernel(std::uint8_t* out, std::int64_t count, std::uint64_t stream_state) {
  const auto step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < count;
       i += step) {
    out[i] = cuda::float_to_e4m3(ops::normal_at(stream_state, static_cast<std::uint64_t>(i)));
  }
}

/// Each warp reads rows that a hash chooses, 16 bytes a lane and turn. What is read decides whether
/// something is stored, which a table of zeros never does: reads of no use would be left out.
__global__ void gather_kernel(const uint4* table, unsigned* never) {
  constexpr int kWords = GatherCeiling::kRowBytes / int{sizeof(uint4)};
  const auto warp = (blockIdx.x * kThreads + threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x % 32);
  unsigned seen = 0;
  for (unsigned i = 0; i < GatherCeiling::kRowsPerWarp; ++i) {
    const std::uint64_t number = std::uint64_t{warp} * GatherCeiling::kRowsPerWarp + i;
    const auto row =
        static_cast<std::int64_t>(ops::mix_bits(number) % std::uint64_t{GatherCeiling::kRows});
    for (int word = lane; word < kWords; word += 32) {
      const uint4 value = table[row * kWords + word];
      seen |= value.x | value.y | value.z | value.w;
    }
  }
  if (seen != 0) *never = seen;
}

}  // namespace

void fill_normal_e4m3(std::uint8_t* out, std::int64_t count, std::uint64_t stream_state,
                      cudaStream_t stream) {
  fill_kernel<<<4096, kThreads, 0, stream>>>(out, count, stream_state);
  cuda::check_launch("fill_normal_e4m3", stream);
}

void gather_rows(const void* table, unsigned* never, cudaStream_t stream) {
  static_assert(kThreads == 32 * GatherCeiling::kWarpsPerBlock);
  gather_kernel<<<GatherCeiling::kBlocks, kThreads, 0, stream>>>(static_cast<const uint4*>(table),
                                                                 never);
  cuda::check_launch("gather_rows", stream);
}

}  // namespace dsabench
