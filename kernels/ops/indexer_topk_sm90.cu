#include <algorithm>
#include <limits>

#include "kernels/cuda/architecture.h"
#include "kernels/ops/indexer_scan_sm90.cuh"
#include "kernels/ops/indexer_select_candidates.cuh"
#include "kernels/ops/indexer_tensor_operands.cuh"
#include "kernels/ops/indexer_topk_sm90.h"

namespace dsabench::ops::detail {
namespace {

template <class Stored, int kHeads, int kRowBytes>
struct Scan {
  static void run(const cuda::Launch& launch, const IndexerTopkArgs& args, const ScoreBatch& batch,
                  const CandidateLists& lists) {
    using Shared = ScanShared<kHeads, kRowBytes>;
    constexpr int kBytes = static_cast<int>(sizeof(Shared));
    const auto kernel = scan_kernel<Stored, kHeads, kRowBytes>;
    DSABENCH_CUDA_CHECK(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes));
    ScanMaps maps{};
    std::int64_t tiles = 0;
    for (int s = 0; s < batch.num_segments; ++s) {
      const ScoreSegment& segment = batch.segments[s];
      constexpr int kBox = static_cast<int>(kBlockRows);
      const std::int64_t cached = segment.table.blocks == nullptr
                                      ? segment.first_position + segment.num_rows
                                      : segment.cached;
      const cuda::Matrices rows{
          segment.keys,      args.q.dtype(), 1, cached, args.q.dim(2), cached * segment.key_stride,
          segment.key_stride};
      maps.keys[s] = cuda::slab_boxes(rows, kBox);
      maps.sampled[s] = cuda::slab_boxes(rows, ScanSample::kPieceKeys, ScanSample::kStep);
      if (segment.key_scales != nullptr) {
        maps.key_scales[s] = cuda::float_boxes(segment.key_scales, cached, kBox);
      }
      tiles += cuda::ceil_div(segment.num_rows, Shared::kQueries);
    }
    const auto blocks = std::min<std::int64_t>(tiles, cuda::num_multiprocessors());
    for (const ScanRun run : {ScanRun::sampled, ScanRun::repaired}) {
      kernel<<<cuda::grid_size(blocks), kScanThreads, kBytes, launch.stream()>>>(
          batch, maps, score_queries<Stored>(args, kOperandBytes), lists, static_cast<int>(tiles),
          run);
      launch.check();
    }
  }
};

/// Calls body(Scan<...>()) of the instance for the call's heads and keys.
template <class Body>
void with_scan(const IndexerTopkArgs& args, Body&& body) {
  with_tensor_operands(args, [&]<class Stored, int kDim>() {
    constexpr int kRowBytes = kDim * static_cast<int>(sizeof(Stored));
    if (args.q.dim(1) <= 16) return body(Scan<Stored, 16, kRowBytes>());
    if (args.q.dim(1) <= 32) return body(Scan<Stored, 32, kRowBytes>());
    body(Scan<Stored, 64, kRowBytes>());
  });
}

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
      with_scan(args, [&](auto scan) { scan.run(launch, args, batch, lists); });
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
