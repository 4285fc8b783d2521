#pragma once
/// The query of a block of either attention kernel, and how its result is written.
#include "kernels/cuda/numeric.cuh"
#include "kernels/ops/mla_cuda.h"

namespace dsabench::ops::detail {

struct MlaQuery {
  const MlaSegment* segment;
  std::int64_t row;                   ///< packed
  std::int32_t batch_row;             ///< counted over the batch's segments
  std::int32_t position, begin, end;  ///< keys (or picks) [begin, end) are this block's
  const std::int32_t* picks;          ///< null: keys are their own positions

  /// Position of key j, -1 for none, -2 for one that must not be there.
  __device__ __forceinline__ std::int32_t key(std::int32_t j) const {
    if (j >= end) return -1;
    if (picks == nullptr) return j;
    const std::int32_t pick = picks[j];
    return pick < -1 || pick > position ? -2 : pick;
  }
  /// Where the latents of a position begin, in elements.
  __device__ __forceinline__ std::int64_t latents_at(std::int32_t key_position) const {
    return segment->table.row(key_position) * segment->latent_stride;
  }
};

/// blockIdx.x counts rows, blockIdx.z splits.
__device__ __forceinline__ MlaQuery find_query(const MlaBatch& batch, const MlaCall& call) {
  MlaQuery query{};
  query.batch_row = static_cast<std::int32_t>(blockIdx.x);
  std::int32_t r = query.batch_row;
  int s = 0;
  while (r >= batch.segments[s].num_rows) r -= batch.segments[s++].num_rows;
  query.segment = &batch.segments[s];
  query.row = query.segment->row_begin + r;
  const std::int32_t first = query.segment->first_position;
  query.position = call.positions == nullptr
                       ? first + r
                       : min(call.positions[query.row], first + query.segment->num_rows - 1);
  const std::int32_t keys = call.indices == nullptr ? query.position + 1 : call.top_k;
  query.begin = static_cast<std::int32_t>(blockIdx.z) * call.split_keys;
  query.end = min(keys, query.begin + call.split_keys);
  query.picks = call.indices == nullptr ? nullptr : call.indices + query.row * call.indices_stride;
  return query;
}

/// Index of a partial result.
__device__ __forceinline__ std::int64_t state_index(const MlaCall& call, const MlaQuery& query,
                                                    int head) {
  return (std::int64_t{query.batch_row} * call.heads + head) * call.splits + blockIdx.z;
}

/// A head's largest score and sum of weights in this block's split, for the merge.
__device__ __forceinline__ void write_state(const MlaCall& call, const MlaQuery& query, int head,
                                            float largest, float total) {
  const std::int64_t state = state_index(call, query, head);
  call.states[2 * state] = largest;
  call.states[2 * state + 1] = total;
}

/// A head's latents in the result.
template <class T>
__device__ __forceinline__ T* out_row(const MlaCall& call, const MlaQuery& query, int head) {
  return static_cast<T*>(call.out) + query.row * call.out_strides[0] + head * call.out_strides[1];
}

/// Weighted sum over the sum of weights: zero where nothing was attended to.
__device__ __forceinline__ float weighted_mean(float sum, float total) {
  return total == 0.0f ? 0.0f : sum / total;
}

/// Softmax over a tile, online: what older sums are worth beside the new largest score.
__device__ __forceinline__ float rescale(float old_max, float new_max) {
  return old_max == new_max ? 1.0f : expf(old_max - new_max);
}

__device__ __forceinline__ float minus_infinity() { return __int_as_float(0xff800000); }

}  // namespace dsabench::ops::detail
