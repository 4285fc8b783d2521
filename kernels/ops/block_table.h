#pragma once
/// Caches are kept in blocks of 64 rows, in any order: block b of a sequence holds its positions
/// 64 b, 64 b + 1, ... in rows 64 table[b], 64 table[b] + 1, ... of a pool that sequences share.
#include <cstdint>
#include <span>

#include "kernels/base/host_device.h"
#include "kernels/base/tensor_view.h"

namespace dsabench::ops {

inline constexpr std::int64_t kBlockRows = 64;

/// Blocks that hold `rows` rows.
constexpr std::int64_t blocks_of(std::int64_t rows) { return (rows + kBlockRows - 1) / kBlockRows; }

/// Where a sequence's positions lie: through a table, or without one in order from row 0.
struct BlockTable {
  BlockTable() = default;
  explicit BlockTable(std::span<const std::int32_t> table) : blocks(table.data()) {}
  /// [blocks] i32, or empty.
  explicit BlockTable(const ConstTensorView& table)
      : blocks(table.empty() ? nullptr : table.data<std::int32_t>()) {}

  const std::int32_t* blocks = nullptr;

  DSABENCH_HOST_DEVICE std::int64_t row(std::int64_t position) const {
    if (blocks == nullptr) return position;
    return blocks[position / kBlockRows] * kBlockRows + position % kBlockRows;
  }
  /// The position up to which, but not further than `end`, the rows from `begin` on follow each
  /// other in memory. On the host.
  std::int64_t stretch_end(std::int64_t begin, std::int64_t end) const {
    if (blocks == nullptr) return end;
    std::int64_t b = begin / kBlockRows + 1;
    while (b * kBlockRows < end && blocks[b] == blocks[b - 1] + 1) ++b;
    return b * kBlockRows < end ? b * kBlockRows : end;
  }
};

}  // namespace dsabench::ops
