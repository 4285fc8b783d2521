#pragma once
/// How the latents of a tile's keys come into shared memory: 128 threads, 8 a key.
#include "kernels/cuda/sm90.cuh"
#include "kernels/ops/fp8_latents.h"
#include "kernels/ops/mla_union.cuh"

namespace dsabench::ops::detail {

inline constexpr int kSharedLatent = 512, kSharedRope = 64;
inline constexpr int kSharedRows = 64, kSharedKeys = kUnionTile, kSharedStages = 2;
inline constexpr int kSharedSlabs = (kSharedLatent + kSharedRope) / 64;
inline constexpr int kSharedSlabBytes = 64 * cuda::sm90::kSlabRowBytes;
inline constexpr int kSharedConsumers = 256;
inline constexpr int kSharedThreads = kSharedConsumers + cuda::sm90::kWarpgroup;

struct SharedMlaMemory {
  unsigned char queries[kSharedSlabs][kSharedSlabBytes];
  unsigned char keys[kSharedStages][kSharedSlabs][kSharedSlabBytes];
  unsigned char weights[kSharedSlabBytes];  ///< of the softmax: [rows, keys] bf16
  float maxima[2][kSharedRows], sums[2][kSharedRows];
  std::uint32_t words[kSharedStages][kSharedKeys];
  std::uint64_t full[kSharedStages], listed[kSharedStages], empty[kSharedStages];
};

using SharedPlace = cuda::sm90::RingPlace<kSharedStages>;

/// Producers that hand a tile's words over.
inline constexpr int kWordWriters = 16;

/// The producers' side: gathers the latents of a tile's keys, zeros where there is none.
__device__ __forceinline__ void gather_keys(SharedMlaMemory& shared, const MlaSegment& segment,
                                            const std::uint32_t* words, SharedPlace place) {
  const int stage = place.stage;
  cuda::sm90::barrier_wait(&shared.empty[stage], place.parity ^ 1);
  const int thread = static_cast<int>(threadIdx.x) % cuda::sm90::kWarpgroup;
  const int chunk = thread % 8;
  const auto* latents = static_cast<const cuda::Bf16*>(segment.latents);
#pragma unroll
  for (int i = 0; i < kSharedKeys / 16; ++i) {
    const int row = thread / 8 + 16 * i;
    const std::uint32_t word = __ldg(words + row);
    if (chunk == 0) shared.words[stage][row] = word;
    const cuda::Bf16* from =
        latents +
        static_cast<std::int64_t>(word & ((1u << kPositionBits) - 1)) * segment.latent_stride +
        chunk * 8;
    const unsigned to = static_cast<unsigned>(cuda::sm90::slab_offset(row, chunk)) +
                        cuda::shared_address(shared.keys[stage][0]);
#pragma unroll
    for (int slab = 0; slab < kSharedSlabs; ++slab) {
      cuda::copy_async16(to + static_cast<unsigned>(slab * kSharedSlabBytes), from + slab * 64,
                         word != 0);
    }
  }
  if (chunk == 0) cuda::sm90::barrier_arrive(&shared.listed[stage]);
  cuda::sm90::barrier_arrive_after_copies(&shared.full[stage]);
}

/// What a thread takes of a row of the fp8 cache: 16 codes of each group, the scales of all, and 8
/// values of the rotated part.
struct Fp8Piece {
  static constexpr int kGroups = kSharedLatent / static_cast<int>(Fp8LatentRow::kGroup);
  uint4 codes[kGroups], scales, rope;
};

__device__ __forceinline__ Fp8Piece load_fp8_piece(const MlaSegment& segment, std::uint32_t word,
                                                   int chunk) {
  constexpr int kScalesAt = kSharedLatent / 16;
  static_assert(Fp8Piece::kGroups == 4);
  Fp8Piece piece{};
  if (word == 0) return piece;
  const auto* row = reinterpret_cast<const uint4*>(
      static_cast<const unsigned char*>(segment.latents) +
      static_cast<std::int64_t>(word & kPositionMask) * segment.latent_stride);
#pragma unroll
  for (int g = 0; g < Fp8Piece::kGroups; ++g) piece.codes[g] = __ldg(row + chunk + 8 * g);
  piece.scales = __ldg(row + kScalesAt);
  piece.rope = __ldg(row + kScalesAt + 1 + chunk);
  return piece;
}

/// Two e4m3 codes times a scale, as bf16; a NaN stays one.
__device__ __forceinline__ std::uint32_t scaled_pair(std::uint32_t codes, float scale) {
  std::uint32_t halves, packed;
  asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(halves) : "h"(static_cast<std::uint16_t>(codes)));
  float low, high;
  asm("{\n.reg .f16 lower, upper;\nmov.b32 {lower, upper}, %2;\n"
      "cvt.f32.f16 %0, lower;\ncvt.f32.f16 %1, upper;\n}"
      : "=f"(low), "=f"(high)
      : "r"(halves));
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high * scale), "f"(low * scale));
  return packed;
}

__device__ __forceinline__ uint4 scaled_eight(std::uint32_t first, std::uint32_t second,
                                              float scale) {
  return make_uint4(scaled_pair(first, scale), scaled_pair(first >> 16, scale),
                    scaled_pair(second, scale), scaled_pair(second >> 16, scale));
}

__device__ __forceinline__ void store_fp8_piece(SharedMlaMemory& shared, const Fp8Piece& piece,
                                                int stage, int row, int chunk) {
  const auto put = [&](int slab, int at, uint4 values) {
    *reinterpret_cast<uint4*>(shared.keys[stage][slab] + cuda::sm90::slab_offset(row, at)) = values;
  };
  const std::uint32_t scales[] = {piece.scales.x, piece.scales.y, piece.scales.z, piece.scales.w};
#pragma unroll
  for (int g = 0; g < Fp8Piece::kGroups; ++g) {
    const uint4 codes = piece.codes[g];
    const float scale = __uint_as_float(scales[g]);
    // 16 values from 128 g + 16 chunk on: two chunks of a slab of 64.
    const int slab = 2 * g + chunk / 4, at = chunk % 4 * 2;
    put(slab, at, scaled_eight(codes.x, codes.y, scale));
    put(slab, at + 1, scaled_eight(codes.z, codes.w, scale));
  }
  put(kSharedLatent / 64, chunk, piece.rope);
}

/// The same of rows of the fp8 cache, which become bf16 on the way. Loads of a row begin before the
/// one before is stored.
__device__ __forceinline__ void gather_fp8_keys(SharedMlaMemory& shared, const MlaSegment& segment,
                                                const std::uint32_t* words, SharedPlace place) {
  const int thread = static_cast<int>(threadIdx.x) % cuda::sm90::kWarpgroup;
  const int first = thread / 8, chunk = thread % 8, stage = place.stage;
  std::uint32_t word = __ldg(words + first);
  Fp8Piece piece = load_fp8_piece(segment, word, chunk);
  cuda::sm90::barrier_wait(&shared.empty[stage], place.parity ^ 1);
#pragma unroll
  for (int i = 0; i < kSharedKeys / 16; ++i) {
    const int row = first + 16 * i;
    const Fp8Piece current = piece;
    if (chunk == 0) shared.words[stage][row] = word;
    if (i + 1 < kSharedKeys / 16) {
      word = __ldg(words + row + 16);
      piece = load_fp8_piece(segment, word, chunk);
    }
    store_fp8_piece(shared, current, stage, row, chunk);
  }
  if (chunk == 0) cuda::sm90::barrier_arrive(&shared.listed[stage]);
  cuda::sm90::barrier_arrive(&shared.full[stage]);
}

}  // namespace dsabench::ops::detail
