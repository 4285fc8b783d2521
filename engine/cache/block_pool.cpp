#include "engine/cache/block_pool.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "kernels/ops/fp8_latents.h"

namespace dsabench {
namespace {

using ops::kBlockRows;

std::int64_t row_bytes(const Tensor& tensor) {
  const std::int64_t width = tensor.shape().size() > 1 ? tensor.dim(1) : 1;
  return width * dtype_bytes(tensor.dtype());
}

bool same_rows(const Tensor& a, const Tensor& b) {
  if (a.empty() || b.empty()) return a.empty() == b.empty();
  return a.queue() == b.queue() && a.dtype() == b.dtype() && a.shape().size() == b.shape().size() &&
         std::equal(a.shape().begin() + 1, a.shape().end(), b.shape().begin() + 1);
}

/// A tensor of `rows` such rows that begins with the first `kept` of `old`.
Tensor resized(const Tensor& old, std::int64_t rows, std::int64_t kept) {
  std::vector<std::int64_t> shape(old.shape().begin(), old.shape().end());
  shape[0] = rows;
  Tensor tensor(old.dtype(), std::move(shape), old.queue());
  if (kept > 0) tensor.copy_bytes(old, kept * row_bytes(old));
  return tensor;
}

}  // namespace

BlockPool::BlockPool(const ModelConfig& config, const LayerPattern& pattern, const Options& options)
    : layers_(static_cast<std::size_t>(pattern.num_layers())), queue_(options.queue) {
  if (options.order_seed) shuffle_.emplace(*options.order_seed);
  for (std::int64_t l = 0; l < pattern.num_layers(); ++l) {
    auto& [latents, keys, key_scales] = layers_[static_cast<std::size_t>(l)];
    const ops::Fp8LatentRow row{config.kv_lora_rank, config.qk_rope_dim};
    latents = options.format == CacheFormat::fp8
                  ? Tensor(DType::u8, {0, row.bytes()}, queue_)
                  : Tensor(options.dtype, {0, row.latent_dim + row.rope_dim}, queue_);
    if (!options.mode || !pattern.is_full(l)) continue;
    const bool exact = *options.mode == IndexerMode::exact;
    keys = Tensor(exact ? options.dtype : DType::f8_e4m3, {0, config.index_dim}, queue_);
    if (!exact) key_scales = Tensor(DType::f32, {0}, queue_);
  }
}

BlockPool BlockPool::like(const BlockPool& other) {
  BlockPool pool;
  pool.queue_ = other.queue_;
  for (const LayerTensors& tensors : other.layers_) {
    LayerTensors& own = pool.layers_.emplace_back();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (!tensors[i].empty()) own[i] = resized(tensors[i], 0, 0);
    }
  }
  return pool;
}

void BlockPool::make_room(std::int64_t blocks) {
  if (blocks > num_free()) grow(num_blocks_ + blocks - num_free());
}

void BlockPool::grow(std::int64_t num_blocks) {
  if (num_blocks > std::numeric_limits<std::int32_t>::max() / kBlockRows) {
    throw InvalidArgument(fmt::format("BlockPool: {} blocks", num_blocks));
  }
  free_.reserve(static_cast<std::size_t>(num_blocks));  // giving back never allocates
  const std::int64_t rows = num_blocks * kBlockRows, kept = num_blocks_ * kBlockRows;
  for (LayerTensors& tensors : layers_) {
    for (Tensor& tensor : tensors) {
      // Where memory ran out half way, the first layers are larger already.
      if (!tensor.empty() && tensor.dim(0) < rows) tensor = resized(tensor, rows, kept);
    }
  }
  for (std::int64_t b = num_blocks_; b < num_blocks; ++b) {
    free_.push_back(static_cast<std::int32_t>(b));
  }
  num_blocks_ = num_blocks;
  free_ordered_ = false;
}

/// Lowest numbers last, so that they are taken first: neighbours are copied together.
void BlockPool::order_free() {
  if (free_ordered_) return;
  std::sort(free_.begin(), free_.end(), std::greater<>());
  if (shuffle_) std::shuffle(free_.begin(), free_.end(), *shuffle_);
  free_ordered_ = true;
}

void BlockPool::take(std::int64_t blocks, std::vector<std::int32_t>& table) {
  if (blocks > num_free()) grow(std::max(num_blocks_ + blocks - num_free(), 2 * num_blocks_));
  order_free();
  const auto held = std::ssize(table);
  table.reserve(table.size() + static_cast<std::size_t>(blocks));
  for (std::int64_t b = 0; b < blocks; ++b) {
    table.push_back(free_.back());
    free_.pop_back();
  }
  poison(table, held * kBlockRows, (held + blocks) * kBlockRows);
}

void BlockPool::give_back(std::span<const std::int32_t> table) noexcept {
  free_.insert(free_.end(), table.begin(), table.end());
  free_ordered_ = free_ordered_ && table.empty();
}

TensorView BlockPool::rows(std::int64_t layer, std::size_t tensor) {
  Tensor& held = layers_.at(static_cast<std::size_t>(layer))[tensor];
  return held.empty() ? TensorView() : held.view().rows(0, num_blocks_ * kBlockRows);
}

void BlockPool::need_indexer_cache(std::int64_t layer) const {
  if (has_indexer_cache(layer)) return;
  throw InvalidArgument(fmt::format("BlockPool: layer {} has no indexer cache", layer));
}

bool BlockPool::has_indexer_cache(std::int64_t layer) const {
  return !layers_.at(static_cast<std::size_t>(layer))[1].empty();
}

TensorView BlockPool::latents(std::int64_t layer) { return rows(layer, 0); }
TensorView BlockPool::indexer_keys(std::int64_t layer) {
  need_indexer_cache(layer);
  return rows(layer, 1);
}
TensorView BlockPool::indexer_key_scales(std::int64_t layer) {
  need_indexer_cache(layer);
  return rows(layer, 2);
}

ConstTensorView BlockPool::latents(std::int64_t layer) const {
  return const_cast<BlockPool*>(this)->latents(layer);
}
ConstTensorView BlockPool::indexer_keys(std::int64_t layer) const {
  return const_cast<BlockPool*>(this)->indexer_keys(layer);
}
ConstTensorView BlockPool::indexer_key_scales(std::int64_t layer) const {
  return const_cast<BlockPool*>(this)->indexer_key_scales(layer);
}

std::int64_t BlockPool::bytes_per_token() const {
  std::int64_t bytes = 0;
  for (const LayerTensors& tensors : layers_) {
    for (const Tensor& tensor : tensors) bytes += tensor.empty() ? 0 : row_bytes(tensor);
  }
  return bytes;
}

void BlockPool::poison(std::span<const std::int32_t> table, std::int64_t begin, std::int64_t end) {
  const ops::BlockTable rows(table);
  for (std::int64_t at = begin; at < end;) {
    const std::int64_t next = rows.stretch_end(at, end), row = rows.row(at);
    for (LayerTensors& tensors : layers_) {
      for (Tensor& tensor : tensors) {
        if (tensor.empty()) continue;
        const std::int64_t bytes = row_bytes(tensor);
        tensor.fill_bytes(row * bytes, (next - at) * bytes, 0xff);
      }
    }
    at = next;
  }
}

void BlockPool::copy(const BlockPool& other, std::span<const std::int32_t> from,
                     std::span<const std::int32_t> to, std::int64_t count) {
  const ops::BlockTable sources(from), targets(to);
  for (std::int64_t at = 0; at < count;) {
    const std::int64_t next =
        std::min(sources.stretch_end(at, count), targets.stretch_end(at, count));
    const std::int64_t source = sources.row(at), target = targets.row(at);
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      for (std::size_t i = 0; i < layers_[l].size(); ++i) {
        Tensor& tensor = layers_[l][i];
        if (tensor.empty()) continue;
        const std::int64_t bytes = row_bytes(tensor);
        tensor.copy_bytes(target * bytes, other.layers_[l][i], source * bytes, (next - at) * bytes);
      }
    }
    at = next;
  }
}

bool BlockPool::same_layers(const BlockPool& other) const {
  return std::equal(layers_.begin(), layers_.end(), other.layers_.begin(), other.layers_.end(),
                    [](const LayerTensors& a, const LayerTensors& b) {
                      return std::equal(a.begin(), a.end(), b.begin(), same_rows);
                    });
}

}  // namespace dsabench
