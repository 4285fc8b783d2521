#pragma once
#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <string_view>

#include "kernels/base/check.h"
#include "kernels/ops/block_table.h"
#include "kernels/ops/sequence_span.h"

namespace dsabench::ops {

/// Throws InvalidArgument unless `span`, the `index`-th of a call, lies within `tokens` packed rows
/// and its keys within `cached` rows of the sequence's cache.
inline void check_span(std::string_view op, std::size_t index, const SequenceSpan& span,
                       std::int64_t tokens, std::int64_t cached) {
  const bool in_batch = span.row_begin >= 0 && span.num_rows >= 0 && span.row_begin <= tokens &&
                        span.num_rows <= tokens - span.row_begin;
  if (!in_batch) {
    throw InvalidArgument(fmt::format("{}: sequence {} covers rows [{}, {} + {}) of a batch of {}",
                                      op, index, span.row_begin, span.row_begin, span.num_rows,
                                      tokens));
  }
  constexpr std::int64_t kMaxPosition = std::numeric_limits<std::int32_t>::max();
  if (span.first_position < 0 || span.first_position > kMaxPosition - span.num_rows ||
      span.end_position() > cached) {
    throw InvalidArgument(
        fmt::format("{}: sequence {} has rows at positions {} + [0, {}) and a cache of {} rows", op,
                    index, span.first_position, span.num_rows, cached));
  }
}

/// Where row i of a span stands: as `positions` [tokens] say, on the CPU, or the span where there
/// are none. Throws InvalidArgument for a position at or beyond the span's end.
inline std::int64_t checked_position(std::string_view op, const ConstTensorView& positions,
                                     const SequenceSpan& span, std::int64_t i) {
  if (positions.empty()) return span.first_position + i;
  const std::int64_t row = span.row_begin + i, position = positions.data<std::int32_t>()[row];
  if (position < 0 || position >= span.end_position()) {
    throw InvalidArgument(fmt::format("{}: positions of row {}: not one below {}: {}", op, row,
                                      span.end_position(), position));
  }
  return position;
}

/// Throws InvalidArgument unless `span` lies within `tokens` packed rows and its keys among the
/// `cached` rows of a cache: in order where `table` is empty, else in the blocks that it names. On
/// another device than the CPU the names are not looked at.
inline void check_cached(const Context& ctx, std::string_view op, std::size_t index,
                         const SequenceSpan& span, std::int64_t tokens,
                         const ConstTensorView& table, std::int64_t cached) {
  if (table.empty()) return check_span(op, index, span, tokens, cached);
  check_tensor(ctx, op, fmt::format("block_table of sequence {}", index), table, DType::i32,
               {kAnySize});
  check_span(op, index, span, tokens, table.dim(0) * kBlockRows);
  if (!ctx.device.is_cpu()) return;
  const auto* blocks = table.data<std::int32_t>();
  for (std::int64_t b = 0; b < blocks_of(span.end_position()); ++b) {
    if (blocks[b] >= 0 && blocks[b] < cached / kBlockRows) continue;
    throw InvalidArgument(
        fmt::format("{}: block_table of sequence {}, entry {}: no block of a cache of {} rows: {}",
                    op, index, b, cached, blocks[b]));
  }
}

}  // namespace dsabench::ops
