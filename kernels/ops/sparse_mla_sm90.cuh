#pragma once
/// Sparse attention on sm_90a: 64 rows, the heads of neighbouring queries, over tiles of 64 keys of
/// the union of what those queries selected. A producer warpgroup gathers latents, two consumers
/// each score half of a tile's keys, share the softmax's weights through shared memory, and sum
/// half of the latent's columns.
#include "kernels/cuda/sm90.cuh"
#include "kernels/ops/mla_query.cuh"
#include "kernels/ops/sparse_mla_gather_sm90.cuh"

namespace dsabench::ops::detail {

/// What row `row` of the tile is: head of a query, or nothing.
struct SharedRow {
  int query;  ///< of the group, -1 for none
  int head;
};
__device__ __forceinline__ SharedRow shared_row(const UnionGroup& group, const KeyUnions& unions,
                                                int heads, int row) {
  if (unions.group == 1) {
    const int head = static_cast<int>(blockIdx.y) * kSharedRows + row;
    return {head < heads ? 0 : -1, head};
  }
  const int query = row / heads;
  return {query < group.num_rows ? query : -1, row % heads};
}

__device__ __forceinline__ void load_shared_queries(SharedMlaMemory& shared, const MlaCall& call,
                                                    const UnionGroup& group,
                                                    const KeyUnions& unions) {
  constexpr int kChunks = kSharedSlabs * 8;
  for (int c = static_cast<int>(threadIdx.x); c < kSharedRows * kChunks; c += kSharedConsumers) {
    const int row = c / kChunks, chunk = c % kChunks;
    const SharedRow at = shared_row(group, unions, call.heads, row);
    uint4 data = make_uint4(0, 0, 0, 0);
    if (at.query >= 0) {
      const std::int64_t packed = group.segment->row_begin + group.first_row + at.query;
      const auto* from =
          chunk < kSharedLatent / 8
              ? static_cast<const cuda::Bf16*>(call.q_latent) + packed * call.q_latent_strides[0] +
                    at.head * call.q_latent_strides[1] + chunk * 8
              : static_cast<const cuda::Bf16*>(call.q_rope) + packed * call.q_rope_strides[0] +
                    at.head * call.q_rope_strides[1] + chunk * 8 - kSharedLatent;
      data = *reinterpret_cast<const uint4*>(from);
    }
    *reinterpret_cast<uint4*>(shared.queries[chunk / 8] + cuda::sm90::slab_offset(row, chunk % 8)) =
        data;
  }
}

/// scores[64 rows, 32 keys] of a warpgroup, not awaited.
__device__ __forceinline__ void multiply_scores(float (&scores)[16], std::uint64_t queries,
                                                std::uint64_t keys) {
  cuda::sm90::products_begin();
#pragma unroll
  for (int step = 0; step < kSharedSlabs * 4; ++step) {
    const auto at = static_cast<std::uint64_t>(step / 4 * (kSharedSlabBytes >> 4) + step % 4 * 2);
    cuda::sm90::wgmma_n32_bf16(scores, queries + at, keys + at, step > 0);
  }
  cuda::sm90::products_commit();
}

__device__ __forceinline__ float exp2_of(float value) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(value));
  return result;
}

__device__ __forceinline__ std::uint32_t pack_bf16(float low, float high) {
  std::uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

/// A thread's two rows of the running softmax, in base 2.
struct SharedSoftmax {
  std::uint32_t bits[2];  ///< of the rows' queries in a key's word, 0 for no row
  float largest[2], totals[2], worth[2];
};

/// Turns scores into weights in shared memory: largest scores are exchanged between the two
/// warpgroups, so that both scale alike.
__device__ __forceinline__ void soften_tile(SharedMlaMemory& shared, SharedSoftmax& softmax,
                                            const float (&scores)[16], int stage, float scale) {
  const int thread = static_cast<int>(threadIdx.x), half = thread / cuda::sm90::kWarpgroup;
  const int lane = thread % 32, row = thread % cuda::sm90::kWarpgroup / 32 * 16 + lane / 4;
  float x[16];
  float local[2] = {minus_infinity(), minus_infinity()};
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const auto words =
        *reinterpret_cast<const uint2*>(&shared.words[stage][half * 32 + 8 * j + lane % 4 * 2]);
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const bool there = ((e % 2 == 0 ? words.x : words.y) & softmax.bits[e / 2]) != 0;
      x[4 * j + e] = there ? scores[4 * j + e] * scale : minus_infinity();
      local[e / 2] = fmaxf(local[e / 2], x[4 * j + e]);
    }
  }
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    local[r] = fmaxf(local[r], __shfl_xor_sync(~0u, local[r], 1));
    local[r] = fmaxf(local[r], __shfl_xor_sync(~0u, local[r], 2));
    if (lane % 4 == 0) shared.maxima[half][row + 8 * r] = local[r];
  }
  cuda::sm90::named_barrier(2, kSharedConsumers);
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const float largest =
        fmaxf(softmax.largest[r], fmaxf(local[r], shared.maxima[1 - half][row + 8 * r]));
    softmax.worth[r] = softmax.largest[r] == largest ? 1.0f : exp2_of(softmax.largest[r] - largest);
    softmax.largest[r] = largest;
    softmax.totals[r] *= softmax.worth[r];
  }
#pragma unroll
  for (int j = 0; j < 4; ++j) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const float first = x[4 * j + 2 * r], second = x[4 * j + 2 * r + 1];
      const std::uint32_t packed =
          pack_bf16(first == minus_infinity() ? 0.0f : exp2_of(first - softmax.largest[r]),
                    second == minus_infinity() ? 0.0f : exp2_of(second - softmax.largest[r]));
      // The sum is over the weights as the product uses them.
      softmax.totals[r] += __uint_as_float(packed << 16) + __uint_as_float(packed & 0xffff0000u);
      *reinterpret_cast<std::uint32_t*>(
          shared.weights + cuda::sm90::slab_offset(row + 8 * r, half * 4 + j) + lane % 4 * 4) =
          packed;
    }
  }
}

/// kFp8: latents are rows of the fp8 cache.
template <bool kFp8>
__global__ void __launch_bounds__(kSharedThreads, 1)
    shared_mla_kernel(const __grid_constant__ MlaBatch batch, const MlaCall call,
                      const KeyUnions unions) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) unsigned char raw[];
  SharedMlaMemory& shared = *reinterpret_cast<SharedMlaMemory*>(raw);
  if (threadIdx.x == 0) {
    for (int s = 0; s < kSharedStages; ++s) {
      cuda::sm90::barrier_init(&shared.full[s], cuda::sm90::kWarpgroup);
      cuda::sm90::barrier_init(&shared.listed[s], kWordWriters);
      cuda::sm90::barrier_init(&shared.empty[s], kSharedConsumers);
    }
    cuda::sm90::barrier_init_fence();
  }
  __syncthreads();
  const UnionGroup group = find_group(batch, static_cast<int>(blockIdx.x), unions.group);
  const int count = unions.counts[blockIdx.x];
  cuda::sm90::RingPlace<kSharedStages> place;

  const std::uint32_t* words = unions.words + std::int64_t{blockIdx.x} * unions.stride;
  if (threadIdx.x >= kSharedConsumers) {
    // Of the 168 a thread that the block was given.
    cuda::sm90::give_registers<kFp8 ? 72 : 40>();
    for (int first = 0; first < count; first += kSharedKeys) {
      if constexpr (kFp8) {
        gather_fp8_keys(shared, *group.segment, words + first, place);
      } else {
        gather_keys(shared, *group.segment, words + first, place);
      }
      place.advance();
    }
    return;
  }

  cuda::sm90::take_registers<kFp8 ? 216 : 232>();
  const int thread = static_cast<int>(threadIdx.x), half = thread / cuda::sm90::kWarpgroup;
  const int lane = thread % 32, row = thread % cuda::sm90::kWarpgroup / 32 * 16 + lane / 4;
  load_shared_queries(shared, call, group, unions);
  cuda::sm90::fence_for_products();
  cuda::sm90::named_barrier(1, kSharedConsumers);
  const std::uint64_t queries = cuda::sm90::row_operand(shared.queries[0]);
  const std::uint64_t weights = cuda::sm90::row_operand(shared.weights);
  const auto keys_of = [&](int stage) {
    return cuda::sm90::row_operand(shared.keys[stage][0] + half * 32 * cuda::sm90::kSlabRowBytes);
  };
  SharedSoftmax softmax{};
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int query = shared_row(group, unions, call.heads, row + 8 * r).query;
    softmax.bits[r] = query < 0 ? 0u : 1u << (kPositionBits + query);
    softmax.largest[r] = minus_infinity();
  }
  const float scale = call.scale * 1.44269504088896340736f;
  float scores[16];
  float sums[128];  // [64, 256]
#pragma unroll
  for (float& sum : sums) sum = 0.0f;

  if (count > 0) {
    cuda::sm90::barrier_wait(&shared.full[0], 0);
    cuda::sm90::fence_for_products();
    multiply_scores(scores, queries, keys_of(0));
    cuda::sm90::products_wait<0>();
    cuda::sm90::hold(scores);
  }
  for (int first = 0; first < count; first += kSharedKeys) {
    cuda::sm90::barrier_wait(&shared.listed[place.stage], place.parity);
    soften_tile(shared, softmax, scores, place.stage, scale);
    cuda::sm90::fence_for_products();
    if (__any_sync(~0u, softmax.worth[0] != 1.0f || softmax.worth[1] != 1.0f)) {
#pragma unroll
      for (int i = 0; i < 128; ++i) sums[i] *= softmax.worth[i / 2 % 2];
    }
    cuda::sm90::named_barrier(3, kSharedConsumers);
    cuda::sm90::hold(sums);
    cuda::sm90::products_begin();
    const std::uint64_t values =
        cuda::sm90::column_operand(shared.keys[place.stage][half * 4], kSharedSlabBytes);
#pragma unroll
    for (int step = 0; step < kSharedKeys / 16; ++step) {
      cuda::sm90::wgmma_n256_rows_bf16(sums, weights + static_cast<std::uint64_t>(step * 2),
                                       values + static_cast<std::uint64_t>(step * 128), true);
    }
    cuda::sm90::products_commit();
    const int stage = place.stage;
    place.advance();
    if (first + kSharedKeys < count) {
      cuda::sm90::barrier_wait(&shared.full[place.stage], place.parity);
      cuda::sm90::fence_for_products();
      multiply_scores(scores, queries, keys_of(place.stage));
      cuda::sm90::products_wait<1>();
      cuda::sm90::barrier_arrive(&shared.empty[stage]);  // every lane: each has read words
    }
    cuda::sm90::products_wait<0>();
    cuda::sm90::hold(scores);
    cuda::sm90::hold(sums);
  }

  float total[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    softmax.totals[r] += __shfl_xor_sync(~0u, softmax.totals[r], 1);
    softmax.totals[r] += __shfl_xor_sync(~0u, softmax.totals[r], 2);
    if (lane % 4 == 0) shared.sums[half][row + 8 * r] = softmax.totals[r];
  }
  cuda::sm90::named_barrier(1, kSharedConsumers);
  const int broken = unions.broken[blockIdx.x];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const SharedRow at = shared_row(group, unions, call.heads, row + 8 * r);
    if (at.query < 0) continue;
    total[r] = shared.sums[0][row + 8 * r] + shared.sums[1][row + 8 * r];
    const float factor = (broken >> at.query & 1) != 0 ? cuda::quiet_nan()
                         : total[r] == 0.0f            ? 0.0f
                                                       : 1.0f / total[r];
    const std::int64_t packed = group.segment->row_begin + group.first_row + at.query;
    auto* out = static_cast<cuda::Bf16*>(call.out) + packed * call.out_strides[0] +
                at.head * call.out_strides[1] + half * 256 + lane % 4 * 2;
#pragma unroll
    for (int j = 0; j < 32; ++j) {
      *reinterpret_cast<std::uint32_t*>(out + 8 * j) =
          pack_bf16(sums[4 * j + 2 * r] * factor, sums[4 * j + 2 * r + 1] * factor);
    }
  }
#endif
}

}  // namespace dsabench::ops::detail
