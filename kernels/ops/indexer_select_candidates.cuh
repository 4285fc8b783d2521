#pragma once
/// Exact selection of the best top_k of a row's candidate list, one block a row.
#include "kernels/ops/indexer_candidates.cuh"
#include "kernels/ops/indexer_select_listed.cuh"

namespace dsabench::ops::detail {

__global__ void __launch_bounds__(kSelectThreads)
    select_candidates_kernel(const __grid_constant__ ScoreBatch batch, const CandidateLists lists,
                             const SelectOutputs out, unsigned long long* run_counter) {
  extern __shared__ std::uint32_t bitmap[];
  __shared__ SelectShared shared;
  if (run_counter != nullptr && blockIdx.x == 0 && threadIdx.x == 0) atomicAdd(run_counter, 1ULL);
  const SelectRow row = find_row(batch);
  if (row.segment == nullptr) return;
  if (row.num_keys <= out.top_k) return select_all(out, row.packed, row.num_keys);
  const std::int64_t list = row.segment->scores_begin + row.row;
  const uint2* entries = lists.row(list);
  const int count = lists.counts[list], num_words = (row.num_keys + 31) / 32;
  const auto thread = static_cast<int>(threadIdx.x);
  for (int w = thread; w < num_words; w += kSelectThreads) bitmap[w] = 0;

  select_listed(shared, out, row.packed, entries, count, bitmap, num_words,
                static_cast<std::uint32_t>(out.top_k));
}

}  // namespace dsabench::ops::detail
