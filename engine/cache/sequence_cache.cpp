#include "engine/cache/sequence_cache.h"

#include <algorithm>
#include <utility>

namespace dsabench {

SequenceCache::SequenceCache(SequenceCache&& other) noexcept
    : pool_(std::move(other.pool_)),
      blocks_(std::exchange(other.blocks_, {})),
      device_blocks_(std::move(other.device_blocks_)),
      length_(std::exchange(other.length_, 0)) {}

SequenceCache::~SequenceCache() {
  if (pool_) pool_->give_back(blocks_);
}

void SequenceCache::reserve(std::int64_t tokens) {
  if (tokens < 0) throw InvalidArgument(fmt::format("SequenceCache: reserve of {}", tokens));
  const std::int64_t held = std::ssize(blocks_), wanted = ops::blocks_of(tokens);
  if (wanted <= held) return;
  DeviceQueue* queue = pool_->queue();
  const bool fits = !device_blocks_.empty() && wanted <= device_blocks_.dim(0);
  Tensor larger;
  if (queue != nullptr && !fits) {
    larger = Tensor(DType::i32, {std::max(wanted, 2 * held)}, queue);
  }
  pool_->take(wanted - held, blocks_);
  if (queue == nullptr) return;
  if (!larger.empty()) device_blocks_ = std::move(larger);
  const std::int64_t first = fits ? held : 0;
  queue->copy(device_blocks_.data<std::int32_t>() + first, blocks_.data() + first,
              (wanted - first) * dtype_bytes(DType::i32));
}

void SequenceCache::set_length(std::int64_t tokens) {
  if (tokens < 0 || tokens > capacity()) {
    throw InvalidArgument(fmt::format(
        "SequenceCache: length {} is outside the capacity of {} tokens", tokens, capacity()));
  }
  if (tokens < length_) pool_->poison(blocks_, tokens, length_);
  length_ = tokens;
}

ConstTensorView SequenceCache::block_table() const {
  const std::int64_t count = std::ssize(blocks_);
  if (count == 0) return {};
  if (device_blocks_.empty()) return {blocks_.data(), DType::i32, {count}};
  return device_blocks_.view().rows(0, count);
}

SequenceCache SequenceCache::clone() const {
  SequenceCache copy(std::make_shared<BlockPool>(BlockPool::like(*pool_)));
  copy.assign(*this);
  return copy;
}

void SequenceCache::assign(const SequenceCache& other) {
  if (!pool_->same_layers(*other.pool_)) {
    throw InvalidArgument("SequenceCache: the caches differ in layers, pattern, sizes or types");
  }
  if (&other == this) return;
  reserve(other.length_);
  set_length(std::min(length_, other.length_));
  pool_->copy(*other.pool_, other.blocks_, blocks_, other.length_);
  length_ = other.length_;
}

}  // namespace dsabench
