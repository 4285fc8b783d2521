#pragma once
/// The body of launch_scan: each source that includes this makes one instance.
#include <algorithm>

#include "kernels/cuda/architecture.h"
#include "kernels/ops/indexer_scan_launch_sm90.h"
#include "kernels/ops/indexer_scan_sm90.cuh"
#include "kernels/ops/indexer_tensor_operands.cuh"

namespace dsabench::ops::detail {

template <class Stored, int kHeads, int kRowBytes>
void launch_scan_of_heads(const cuda::Launch& launch, const IndexerTopkArgs& args,
                          const ScoreBatch& batch, const CandidateLists& lists) {
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

template <class Stored, int kDim>
void launch_scan(const cuda::Launch& launch, const IndexerTopkArgs& args, const ScoreBatch& batch,
                 const CandidateLists& lists) {
  constexpr int kRowBytes = kDim * static_cast<int>(sizeof(Stored));
  const auto run = args.q.dim(1) <= 16   ? launch_scan_of_heads<Stored, 16, kRowBytes>
                   : args.q.dim(1) <= 32 ? launch_scan_of_heads<Stored, 32, kRowBytes>
                                         : launch_scan_of_heads<Stored, 64, kRowBytes>;
  run(launch, args, batch, lists);
}

}  // namespace dsabench::ops::detail
