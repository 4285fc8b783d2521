#pragma once
#include <memory>

#include "engine/cache/block_pool.h"

namespace dsabench {

/// The caches of one sequence: blocks of a pool, found through a table. Position t is row `row(t)`
/// of each of the pool's tensors. Rows are appended by the engine. Gives its blocks back at its
/// end. Not thread-safe.
class SequenceCache {
 public:
  explicit SequenceCache(std::shared_ptr<BlockPool> pool) : pool_(std::move(pool)) {}
  ~SequenceCache();
  SequenceCache(SequenceCache&& other) noexcept;
  SequenceCache& operator=(SequenceCache&&) = delete;

  std::int64_t length() const { return length_; }
  /// Positions that the blocks have room for.
  std::int64_t capacity() const { return std::ssize(blocks_) * ops::kBlockRows; }
  /// Takes blocks until `tokens` positions have one; what is there stays where it is.
  void reserve(std::int64_t tokens);
  /// Declares positions [0, tokens) valid; needs capacity. Shrinking poisons what it forgets and
  /// keeps the blocks.
  void set_length(std::int64_t tokens);

  std::int64_t row(std::int64_t position) const {
    return blocks_.at(static_cast<std::size_t>(position / ops::kBlockRows)) * ops::kBlockRows +
           position % ops::kBlockRows;
  }
  /// [blocks] i32 where the pool is, as operators read it; valid until blocks are taken.
  ConstTensorView block_table() const;
  std::span<const std::int32_t> blocks() const { return blocks_; }
  BlockPool& pool() { return *pool_; }
  const BlockPool& pool() const { return *pool_; }

  /// Deep copy of the valid positions, in a pool of its own.
  SequenceCache clone() const;
  /// Takes over the valid positions of `other`, of this pool or another: copies them into blocks of
  /// its own and takes more only beyond its capacity. Throws InvalidArgument where the pools differ
  /// in layers, sizes or dtypes, and is then unchanged.
  void assign(const SequenceCache& other);

 private:
  std::shared_ptr<BlockPool> pool_;
  std::vector<std::int32_t> blocks_;
  Tensor device_blocks_;  ///< their copy on a device; empty on the host
  std::int64_t length_ = 0;
};

}  // namespace dsabench
