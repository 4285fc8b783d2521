#include <algorithm>

#include "kernels/cuda/launch.h"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/indexer_score.cuh"
#include "kernels/ops/indexer_select.cuh"
#include "kernels/ops/indexer_topk_few.h"
#include "kernels/ops/indexer_topk_sm90.h"

namespace dsabench::ops::detail {
namespace {

template <class Stored>
void launch_scores(const cuda::Launch& launch, const ScoreBatch& batch,
                   const ScoreQueries<Stored>& queries, float* scores) {
  using T = typename ProductTypeOf<Stored>::Type;
  constexpr int kStep = cuda::Chunk<T>::kSize * 2;
  const std::int64_t stride = cuda::ceil_div(queries.dim, kStep) * kStep + cuda::kTilePad<T>;
  const std::int64_t rows = kScoreKeys + 2 * kScoreColumns;
  const auto bytes = static_cast<int>(rows * stride * static_cast<std::int64_t>(sizeof(T)));
  std::int64_t tiles = 0;
  for (int s = 0; s < batch.num_segments; ++s) {
    tiles += cuda::ceil_div(batch.segments[s].num_rows, kScoreColumns);
  }
  const auto kernel = score_kernel<Stored>;
  DSABENCH_CUDA_CHECK(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
  const dim3 grid(cuda::grid_size(cuda::ceil_div(batch.max_keys, kScoreKeys)),
                  cuda::grid_size(tiles));
  kernel<<<grid, cuda::kTileThreads, static_cast<std::size_t>(bytes), launch.stream()>>>(
      batch, queries, scores);
  launch.check();
}

__global__ void __launch_bounds__(kSelectThreads)
    select_kernel(const __grid_constant__ ScoreBatch batch, const float* scores,
                  const SelectOutputs out, unsigned long long* run_counter) {
  __shared__ SelectShared shared;
  if (run_counter != nullptr && blockIdx.x == 0 && threadIdx.x == 0) atomicAdd(run_counter, 1ULL);
  const SelectRow row_of = find_row(batch);
  if (row_of.segment == nullptr) return;
  const ScoreSegment& segment = *row_of.segment;
  const int n = row_of.num_keys;
  const std::int64_t at = row_of.packed;
  if (n <= out.top_k) return select_all(out, at, n);
  const float* row =
      scores + segment.scores_begin + std::int64_t{row_of.row} * segment.score_stride;

  select_scores(shared, out, at, row, n, static_cast<std::uint32_t>(out.top_k));
}

template <class Stored>
void run(const cuda::Launch& launch, const IndexerTopkArgs& args) {
  constexpr std::int64_t kVectorBytes = sizeof(Stored) == 1 ? 8 : 16;
  const ScoreQueries<Stored> queries = score_queries<Stored>(args, kVectorBytes);
  const SelectOutputs out = select_outputs(args);
  const auto for_each_batch = [&](std::int64_t vector_bytes, auto&& body) {
    for_each_score_batch(args, vector_bytes, kMaxBatchScores, whole_score_row, body);
  };
  std::int64_t most_scores = 0;
  for_each_batch(kVectorBytes, [&](const ScoreBatch& batch) {
    if (batch.max_keys > args.top_k) most_scores = std::max(most_scores, batch.num_scores);
  });
  auto* scores = most_scores == 0 ? nullptr : static_cast<float*>(launch.scratch(most_scores * 4));
  auto* counter = reinterpret_cast<unsigned long long*>(args.run_counter);
  for_each_batch(kVectorBytes, [&](const ScoreBatch& batch) {
    if (batch.max_keys > args.top_k) launch_scores(launch, batch, queries, scores);
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
  if (indexer_topk_few(launch, args)) return;
  if (indexer_topk_sm90(launch, args)) return;
  if (args.q.dtype() == DType::f8_e4m3) {
    run<cuda::E4m3>(launch, args);
  } else if (args.q.dtype() == DType::bf16) {
    run<cuda::Bf16>(launch, args);
  } else {
    run<float>(launch, args);
  }
}

}  // namespace dsabench::ops::detail
