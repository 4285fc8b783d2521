#pragma once
#include <cstdint>

namespace dsabench::ops {

/// One sequence's share of a packed batch of tokens: rows [row_begin, row_begin + num_rows) of the
/// packed tensors hold its positions first_position, first_position + 1, ... Spans do not overlap
/// and rows that no span covers are left alone.
struct SequenceSpan {
  std::int64_t row_begin = 0;
  std::int64_t num_rows = 0;
  std::int64_t first_position = 0;

  /// Keys that must be in the sequence's caches once these rows are written.
  std::int64_t end_position() const { return first_position + num_rows; }
};

}  // namespace dsabench::ops
