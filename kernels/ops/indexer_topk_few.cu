#include <algorithm>

#include "kernels/ops/indexer_few_score.cuh"
#include "kernels/ops/indexer_few_select.cuh"
#include "kernels/ops/indexer_tensor_operands.cuh"
#include "kernels/ops/indexer_topk_few.h"

namespace dsabench::ops::detail {
namespace {

/// Shared memory for the rows of a block, where the device has as much.
constexpr int kMaxRowBytes = 64 << 10;
/// Candidates of a row that its last block holds in shared memory, where the device has as much.
constexpr int kMaxListed = 8192, kMinListed = 2048;
/// Blocks of a selection that a launch has at most, but for those of single steps of keys.
constexpr std::int64_t kSelectBlocks = 528;
/// Scratch a score takes: itself, an entry and a bit.
constexpr std::int64_t kScoreBytes = 13;

int device_attribute(cudaDeviceAttr attribute) {
  int device = 0, value = 0;
  DSABENCH_CUDA_CHECK(cudaGetDevice(&device));
  DSABENCH_CUDA_CHECK(cudaDeviceGetAttribute(&value, attribute, device));
  return value;
}

/// Scores of a row, in whole words of the bitmap.
std::int64_t few_score_row(const SequenceSpan& span) { return blocks_of(span.end_position()) * 64; }

/// Entries that fit beside the bitmap of `keys` keys; 0 where too few do.
int listed_beside(std::int64_t keys) {
  const std::int64_t room = device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin) -
                            static_cast<std::int64_t>(sizeof(SelectShared)) - 1024 -
                            cuda::ceil_div(keys, 32) * 4;
  const std::int64_t listed = std::min<std::int64_t>(kMaxListed, room / 8 / 64 * 64);
  return listed < kMinListed ? 0 : static_cast<int>(listed);
}

bool fits(const IndexerTopkArgs& args) {
  if (!tensor_operands(args)) return false;
  std::int64_t most_keys = 0;
  for (const IndexerSequence& sequence : args.sequences) {
    if (sequence.span.num_rows == 0) continue;
    if (sequence.span.num_rows > kMaxFewRows) return false;
    most_keys = std::max(most_keys, sequence.span.end_position());
  }
  return listed_beside(most_keys) > 0;
}

/// Shares the GPU's blocks among the segments by their keys: equal shares, of as few units of keys
/// as leave no block over.
FewShares share_blocks(const ScoreBatch& batch, std::int64_t unit_keys, std::int64_t max_blocks) {
  FewShares shares{};
  const auto blocks_with = [&](std::int64_t share) {
    std::int64_t blocks = 0;
    for (int s = 0; s < batch.num_segments; ++s) {
      blocks += cuda::ceil_div(batch.segments[s].keys_end, unit_keys * share);
      shares.first_block[s + 1] = static_cast<std::int32_t>(blocks);
    }
    return blocks;
  };
  std::int64_t low = 1, high = cuda::ceil_div(batch.max_keys, unit_keys);
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (blocks_with(middle) <= max_blocks) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  blocks_with(low);
  return shares;
}

template <class Stored, int kDim, int kTiles>
void launch_few_scores(const cuda::Launch& launch, const IndexerTopkArgs& args,
                       const ScoreBatch& batch, float* scores, std::uint32_t* histograms) {
  using Layout = FewLayout<Stored, kDim>;
  constexpr int kRing = static_cast<int>(sizeof(typename Layout::Ring));
  const auto head_tiles = static_cast<int>(cuda::ceil_div(args.q.dim(1), 8 * kTiles) * kTiles);
  const int row_bytes = Layout::row_bytes(head_tiles);
  std::int64_t most_rows = 1;
  for (int s = 0; s < batch.num_segments; ++s) {
    most_rows = std::max<std::int64_t>(most_rows, batch.segments[s].num_rows);
  }
  const int room = device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin) - kRing;
  const std::int64_t rows =
      std::clamp<std::int64_t>(std::min(room, kMaxRowBytes) / row_bytes, 1, most_rows);
  const std::int64_t groups = cuda::ceil_div(most_rows, rows);
  const int bytes = kRing + static_cast<int>(rows) * row_bytes;
  const int per_processor = std::clamp(
      device_attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor) / (bytes + 1024), 1, 2);
  const std::int64_t blocks = std::int64_t{cuda::num_multiprocessors()} * per_processor / groups;
  FewShares shares =
      share_blocks(batch, Layout::kKeys * kFewWarps, std::max<std::int64_t>(blocks, 1));
  shares.rows = static_cast<std::int32_t>(rows);
  shares.head_tiles = head_tiles;
  const auto kernel = few_score_kernel<Stored, kDim, kTiles>;
  DSABENCH_CUDA_CHECK(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
  const dim3 grid(cuda::grid_size(shares.first_block[batch.num_segments]), cuda::grid_size(groups));
  kernel<<<grid, kFewThreads, static_cast<std::size_t>(bytes), launch.stream()>>>(
      batch, shares, score_queries<Stored>(args, kOperandBytes), scores, histograms);
  launch.check();
}

void launch_scores(const cuda::Launch& launch, const IndexerTopkArgs& args, const ScoreBatch& batch,
                   float* scores, std::uint32_t* histograms) {
  with_tensor_operands(args, [&]<class Stored, int kDim>() {
    if (args.q.dim(1) <= 16) {
      return launch_few_scores<Stored, kDim, 2>(launch, args, batch, scores, histograms);
    }
    launch_few_scores<Stored, kDim, 4>(launch, args, batch, scores, histograms);
  });
}

/// Keys of a block of the selection.
std::int64_t select_keys(const ScoreBatch& batch) {
  const std::int64_t steps =
      cuda::ceil_div(batch.max_keys, kFewStep) * std::max<std::int64_t>(1, batch.num_rows);
  return std::max<std::int64_t>(1, cuda::ceil_div(steps, kSelectBlocks)) * kFewStep;
}

/// Blocks of each row in the selection.
std::int64_t select_blocks(const ScoreBatch& batch) {
  return std::max<std::int64_t>(1, cuda::ceil_div(batch.max_keys, select_keys(batch)));
}

}  // namespace

bool indexer_topk_few(const cuda::Launch& launch, const IndexerTopkArgs& args) {
  if (!fits(args)) return false;
  constexpr std::int64_t kMaxScores = kMaxBatchScores * 4 / kScoreBytes;
  const auto for_each_batch = [&](auto&& body) {
    for_each_score_batch(args, kOperandBytes, kMaxScores, few_score_row, body);
  };
  std::int64_t scores = 0, rows = 1, counts = 1;
  for_each_batch([&](const ScoreBatch& batch) {
    scores = std::max(scores, batch.num_scores);
    rows = std::max(rows, batch.num_rows);
    counts = std::max(counts, batch.num_rows * select_blocks(batch));
  });
  cuda::ScratchLayout layout;
  const std::int64_t scores_at = layout.add<float>(scores);
  const std::int64_t entries_at = layout.add<uint2>(scores + kEarlyEntries);
  const std::int64_t bitmap_at = layout.add<std::uint32_t>(scores / 32);
  const std::int64_t counts_at = layout.add<std::int32_t>(counts);
  void* scratch = launch.scratch(layout.bytes());
  auto* counters = static_cast<std::uint32_t*>(launch.counters(rows * (kBins + 1) * 4));

  auto* run_counter = reinterpret_cast<unsigned long long*>(args.run_counter);
  for_each_batch([&](const ScoreBatch& batch) {
    auto* batch_scores = cuda::scratch_array<float>(scratch, scores_at);
    const bool scored = batch.max_keys > args.top_k;
    if (scored) launch_scores(launch, args, batch, batch_scores, counters);
    const FewSelection work{batch_scores,
                            cuda::scratch_array<uint2>(scratch, entries_at),
                            cuda::scratch_array<std::uint32_t>(scratch, bitmap_at),
                            cuda::scratch_array<std::int32_t>(scratch, counts_at),
                            counters,
                            counters + rows * kBins,
                            static_cast<std::int32_t>(select_keys(batch)),
                            listed_beside(batch.max_keys)};
    const int bytes = work.capacity * static_cast<int>(sizeof(uint2)) +
                      static_cast<int>(cuda::ceil_div(batch.max_keys, 32) * 4);
    DSABENCH_CUDA_CHECK(cudaFuncSetAttribute(few_select_kernel,
                                             cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
    const dim3 grid(cuda::grid_size(select_blocks(batch)),
                    cuda::grid_size(std::max<std::int64_t>(1, batch.num_rows)));
    if (scored) {
      cuda::launch_dependent(launch, few_select_kernel, grid, kSelectThreads, bytes, batch, work,
                             select_outputs(args), run_counter);
    } else {  // it may not overtake whoever writes the positions
      few_select_kernel<<<grid, kSelectThreads, static_cast<std::size_t>(bytes), launch.stream()>>>(
          batch, work, select_outputs(args), run_counter);
      launch.check();
    }
    run_counter = nullptr;
  });
  return true;
}

}  // namespace dsabench::ops::detail
