#include <algorithm>

#include "kernels/cuda/launch.h"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/indexer_score.cuh"
#include "kernels/ops/indexer_select.cuh"

namespace dsabench::ops::detail {
namespace {

/// Batches of sequences with at most this many rows each are scored a query at a time.
constexpr int kFewRows = 8;

template <class Stored, bool kHeadColumns>
void launch_scores(const cuda::Launch& launch, const ScoreBatch& batch,
                   const ScoreQueries<Stored>& queries, float* scores) {
  using T = typename ProductTypeOf<Stored>::Type;
  constexpr int kRowsPerTile = kHeadColumns ? kFewRows : kScoreColumns;
  constexpr int kStep = cuda::Chunk<T>::kSize * 2;
  const std::int64_t stride = cuda::ceil_div(queries.dim, kStep) * kStep + cuda::kTilePad<T>;
  const std::int64_t rows = kScoreKeys + (kHeadColumns ? 1 : 2) * kScoreColumns;
  const auto bytes = static_cast<int>(rows * stride * static_cast<std::int64_t>(sizeof(T)));
  std::int64_t tiles = 0;
  for (int s = 0; s < batch.num_segments; ++s) {
    tiles += cuda::ceil_div(batch.segments[s].num_rows, kRowsPerTile);
  }
  const auto kernel = score_kernel<Stored, kHeadColumns>;
  DSABENCH_CUDA_CHECK(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
  const dim3 grid(cuda::grid_size(cuda::ceil_div(batch.max_keys, kScoreKeys)),
                  cuda::grid_size(tiles));
  kernel<<<grid, cuda::kTileThreads, static_cast<std::size_t>(bytes), launch.stream()>>>(
      batch, queries, scores, kRowsPerTile);
  launch.check();
}

template <class Stored>
void run(const cuda::Launch& launch, const IndexerTopkArgs& args) {
  constexpr std::int64_t kVectorBytes = sizeof(Stored) == 1 ? 8 : 16;
  const std::int64_t size = static_cast<std::int64_t>(sizeof(Stored));
  const ScoreQueries<Stored> queries{
      reinterpret_cast<const Stored*>(args.q.raw()),
      args.q.stride(0),
      args.q.stride(1),
      cuda::rows<const float>(args.head_weights),
      static_cast<std::int32_t>(args.q.dim(1)),
      static_cast<std::int32_t>(args.q.dim(2)),
      static_cast<std::int32_t>(args.top_k),
      reinterpret_cast<std::uintptr_t>(args.q.raw()) % kVectorBytes == 0 &&
          args.q.stride(0) * size % kVectorBytes == 0 &&
          args.q.stride(1) * size % kVectorBytes == 0};
  const SelectOutputs out{cuda::rows<std::int32_t>(args.indices),
                          args.margins.empty() ? nullptr : args.margins.data<float>(),
                          static_cast<std::int32_t>(args.top_k)};
  std::int64_t most_scores = 0;
  for_each_score_batch(args, kVectorBytes, [&](const ScoreBatch& batch) {
    if (batch.max_keys > args.top_k) most_scores = std::max(most_scores, batch.num_scores);
  });
  auto* scores = most_scores == 0 ? nullptr : static_cast<float*>(launch.scratch(most_scores * 4));
  auto* counter = reinterpret_cast<unsigned long long*>(args.run_counter);
  for_each_score_batch(args, kVectorBytes, [&](const ScoreBatch& batch) {
    const bool few = std::all_of(batch.segments, batch.segments + batch.num_segments,
                                 [](const ScoreSegment& s) { return s.num_rows <= kFewRows; });
    if (batch.max_keys > args.top_k) {
      if (few) {
        launch_scores<Stored, true>(launch, batch, queries, scores);
      } else {
        launch_scores<Stored, false>(launch, batch, queries, scores);
      }
    }
    const std::int64_t blocks = std::max<std::int64_t>(1, batch.num_rows);
    select_kernel<<<cuda::grid_size(blocks), kSelectThreads, 0, launch.stream()>>>(batch, scores,
                                                                                   out, counter);
    launch.check();
    counter = nullptr;
  });
}

}  // namespace

void indexer_topk_cuda(const Context& ctx, const IndexerTopkArgs& args) {
  const cuda::Launch launch(ctx, "indexer_topk");
  if (args.q.dtype() == DType::f8_e4m3) {
    run<cuda::E4m3>(launch, args);
  } else if (args.q.dtype() == DType::bf16) {
    run<cuda::Bf16>(launch, args);
  } else {
    run<float>(launch, args);
  }
}

}  // namespace dsabench::ops::detail
