#pragma once
#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <string_view>

#include "kernels/base/error.h"
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

}  // namespace dsabench::ops
