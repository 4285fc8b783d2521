#pragma once
/// Rows of several sequences as an engine's caches hold them: in shuffled blocks of one pool. All
/// that no sequence placed there is poison, the ends of last blocks too.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/ops/block_table.h"
#include "kernels/ops/sequence_span.h"
#include "tests/support/random.h"

namespace dsabench::test {

class ScatteredCache {
 public:
  ScatteredCache(Random& random, std::vector<std::int64_t> lengths) : lengths_(std::move(lengths)) {
    for (const std::int64_t length : lengths_) num_blocks_ += ops::blocks_of(length);
    num_blocks_ += random.integer(0, 3);  // some that nobody has
    std::vector<std::int32_t> blocks(static_cast<std::size_t>(num_blocks_));
    std::iota(blocks.begin(), blocks.end(), 0);
    for (std::size_t i = blocks.size(); i > 1; --i) {
      std::swap(
          blocks[i - 1],
          blocks[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(i) - 1))]);
    }
    auto next = blocks.begin();
    for (const std::int64_t length : lengths_) {
      const std::int64_t count = ops::blocks_of(length);
      tables_.emplace_back(DType::i32, std::vector<std::int64_t>{count});
      std::copy_n(next, count, tables_.back().data<std::int32_t>());
      next += count;
    }
  }

  std::int64_t num_rows() const { return num_blocks_ * ops::kBlockRows; }
  /// [blocks] i32.
  const Tensor& table(std::size_t sequence) const { return tables_[sequence]; }
  std::int64_t row(std::size_t sequence, std::int64_t position) const {
    return ops::BlockTable(tables_[sequence].view()).row(position);
  }
  /// The first rows of each sequence's tensor, each at its place.
  Tensor pool(const std::vector<Tensor>& rows) const {
    std::vector<std::int64_t> shape(rows[0].shape().begin(), rows[0].shape().end());
    shape[0] = num_rows();
    Tensor pool(rows[0].dtype(), std::move(shape));
    pool.poison();
    for (std::size_t s = 0; s < rows.size(); ++s) {
      const std::int64_t bytes = rows[s].view().rows(0, 1).bytes();
      for (std::int64_t t = 0; t < lengths_[s]; ++t) {
        pool.copy_bytes(row(s, t) * bytes, rows[s], t * bytes, bytes);
      }
    }
    return pool;
  }

 private:
  std::vector<std::int64_t> lengths_;
  std::int64_t num_blocks_ = 0;
  std::vector<Tensor> tables_;
};

/// Where spans of sequences end: the lengths of their caches.
inline std::vector<std::int64_t> end_positions(const std::vector<ops::SequenceSpan>& spans) {
  std::vector<std::int64_t> ends;
  for (const ops::SequenceSpan& span : spans) ends.push_back(span.end_position());
  return ends;
}

}  // namespace dsabench::test
