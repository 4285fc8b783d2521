#include <algorithm>
#include <limits>

#include "kernels/cuda/architecture.h"
#include "kernels/cuda/tensor_map.h"
#include "kernels/ops/indexer_scan_launch_sm90.h"
#include "kernels/ops/indexer_select_candidates.cuh"
#include "kernels/ops/indexer_tensor_operands.cuh"
#include "kernels/ops/indexer_topk_sm90.h"

namespace dsabench::ops::detail {
namespace {

bool fits(const IndexerTopkArgs& args) {
  if (!args.positions.empty() || !tensor_operands(args)) return false;
  // Heads that fill up a tile are zeros, which an infinite key would turn into NaN.
  const std::int64_t heads = args.q.dim(1);
  if (args.q.dtype() == DType::bf16 && heads != 16 && heads != 32 && heads != 64) return false;
  std::int64_t rows = 0;
  for (const IndexerSequence& sequence : args.sequences) {
    rows += sequence.span.num_rows;
    if (sequence.span.num_rows == 0) continue;
    if (!sequence.key_scales.rows_aligned(kOperandBytes) ||
        sequence.span.end_position() > kMaxScanKeys ||
        sequence.keys.dim(0) > std::numeric_limits<std::int32_t>::max()) {
      return false;
    }
  }
  return rows >= kMinScanRows;
}

}  // namespace

bool indexer_topk_sm90(const cuda::Launch& launch, const IndexerTopkArgs& args) {
  if (!fits(args) || !cuda::has_sm90a() || !cuda::has_tensor_maps()) return false;
  const std::int64_t keep = args.top_k + 1;
  const std::int64_t capacity = candidate_capacity(static_cast<int>(keep));
  const std::int64_t max_rows = std::max<std::int64_t>(1, kMaxCandidateBytes / (8 * capacity));
  std::int64_t rows = 1;
  const auto for_each_batch = [&](auto&& body) {
    for_each_score_batch(
        args, kOperandBytes, max_rows, [](const SequenceSpan&) { return std::int64_t{1}; }, body);
  };
  for_each_batch([&](const ScoreBatch& batch) { rows = std::max(rows, batch.num_rows); });
  cuda::ScratchLayout layout;
  const std::int64_t entries_at = layout.add<uint2>(rows * capacity);
  const std::int64_t counts_at = layout.add<std::int32_t>(rows);
  void* scratch = launch.scratch(layout.bytes());
  const CandidateLists lists{cuda::scratch_array<uint2>(scratch, entries_at),
                             cuda::scratch_array<std::int32_t>(scratch, counts_at),
                             static_cast<std::int32_t>(capacity), static_cast<std::int32_t>(keep)};
  auto* counter = reinterpret_cast<unsigned long long*>(args.run_counter);
  for_each_batch([&](const ScoreBatch& batch) {
    if (batch.max_keys > args.top_k) {
      with_tensor_operands(args, [&]<class Stored, int kDim>() {
        launch_scan<Stored, kDim>(launch, args, batch, lists);
      });
    }
    const int bytes = static_cast<int>(cuda::ceil_div(batch.max_keys, 32) * 4);
    DSABENCH_CUDA_CHECK(cudaFuncSetAttribute(select_candidates_kernel,
                                             cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
    const std::int64_t blocks = std::max<std::int64_t>(1, batch.num_rows);
    select_candidates_kernel<<<cuda::grid_size(blocks), kSelectThreads,
                               static_cast<std::size_t>(bytes), launch.stream()>>>(
        batch, lists, select_outputs(args), counter);
    launch.check();
    counter = nullptr;
  });
  return true;
}

}  // namespace dsabench::ops::detail
