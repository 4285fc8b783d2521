#pragma once
/// How a call of indexer_topk is cut into launches on CUDA: pieces of sequences whose scores fit a
/// fixed block of scratch, passed to the kernels by value (no copy that a captured graph would
/// repeat from dead memory).
#include <algorithm>
#include <cstdint>

#include "kernels/ops/indexer_topk.h"

namespace dsabench::ops::detail {

/// Neighbouring rows of one sequence.
struct ScoreSegment {
  const void* keys;
  const float* key_scales;  ///< null in exact mode
  BlockTable table;
  std::int64_t key_stride;
  std::int64_t cached;        ///< rows that there are of keys
  std::int64_t row_begin;     ///< packed row of the first
  std::int64_t scores_begin;  ///< of the first row, in the scratch
  std::int32_t num_rows, first_position, score_stride;
  std::int32_t keys_end;  ///< no row has more keys
  bool aligned;           ///< every key starts at a multiple of a vector load
};

struct ScoreBatch {
  static constexpr int kMaxSegments = 32;
  ScoreSegment segments[kMaxSegments];
  int num_segments = 0;
  std::int64_t num_rows = 0, num_scores = 0;
  std::int32_t max_keys = 0;
  const std::int32_t* positions = nullptr;  ///< of packed rows; null: the segments' own

  /// Causal keys of a segment's row.
  DSABENCH_HOST_DEVICE std::int32_t row_keys(const ScoreSegment& segment, std::int32_t row) const {
    if (positions == nullptr) return segment.first_position + row + 1;
    const std::int32_t position = positions[segment.row_begin + row];
    if (position < 0) return 0;
    return position < segment.keys_end ? position + 1 : segment.keys_end;
  }
};

/// Scores that one launch may leave in the scratch: 256 MiB, unless a single row needs more.
inline constexpr std::int64_t kMaxBatchScores = std::int64_t{1} << 26;

/// Scores of a row whose scratch holds all of them.
inline std::int64_t whole_score_row(const SequenceSpan& span) {
  return (span.end_position() + 3) / 4 * 4;
}

/// Calls body(batch) for each launch, in order; at least once. A launch holds at most `max_scores`,
/// but a row at least; row_scores(span) is how many each row of a sequence takes.
template <class RowScores, class Body>
void for_each_score_batch(const IndexerTopkArgs& args, std::int64_t vector_bytes,
                          std::int64_t max_scores, RowScores&& row_scores, Body&& body) {
  const auto* positions = args.positions.empty() ? nullptr : args.positions.data<std::int32_t>();
  ScoreBatch batch;
  batch.positions = positions;
  bool flushed = false;
  const auto flush = [&] {
    body(batch);
    batch = ScoreBatch();
    batch.positions = positions;
    flushed = true;
  };
  for (const IndexerSequence& sequence : args.sequences) {
    const SequenceSpan& span = sequence.span;
    const std::int64_t stride = row_scores(span);
    for (std::int64_t row = 0; row < span.num_rows;) {
      if (batch.num_segments == ScoreBatch::kMaxSegments ||
          (batch.num_segments > 0 && batch.num_scores + stride > max_scores)) {
        flush();
      }
      const std::int64_t room = std::max<std::int64_t>(1, (max_scores - batch.num_scores) / stride);
      const std::int64_t rows = std::min(span.num_rows - row, room);
      batch.segments[batch.num_segments++] = {
          sequence.keys.raw(),
          sequence.key_scales.empty() ? nullptr : sequence.key_scales.data<float>(),
          BlockTable(sequence.block_table),
          sequence.keys.stride(0),
          sequence.keys.dim(0),
          span.row_begin + row,
          batch.num_scores,
          static_cast<std::int32_t>(rows),
          static_cast<std::int32_t>(span.first_position + row),
          static_cast<std::int32_t>(stride),
          static_cast<std::int32_t>(span.end_position()),
          sequence.keys.rows_aligned(vector_bytes)};
      batch.num_rows += rows;
      batch.num_scores += rows * stride;
      const std::int64_t most =
          positions == nullptr ? span.first_position + row + rows : span.end_position();
      batch.max_keys = std::max(batch.max_keys, static_cast<std::int32_t>(most));
      row += rows;
    }
  }
  if (batch.num_segments > 0 || !flushed) flush();
}

}  // namespace dsabench::ops::detail
