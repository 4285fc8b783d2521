#include "engine/cache/kv_cache.h"

#include <algorithm>

namespace dsabench {
namespace {

std::int64_t rows_bytes(const Tensor& tensor, std::int64_t rows) {
  return tensor.view().rows(0, rows).bytes();
}

/// A tensor of `capacity` rows that holds the first `valid` rows of `old` and poison after them.
Tensor grown(const Tensor& old, std::int64_t valid, std::int64_t capacity) {
  std::vector<std::int64_t> shape(old.shape().begin(), old.shape().end());
  shape[0] = capacity;
  Tensor larger(old.dtype(), std::move(shape), old.queue());
  const std::int64_t kept = rows_bytes(old, valid);
  if (kept > 0) larger.copy_bytes(old, kept);
  if (larger.bytes() > kept) larger.fill_bytes(kept, larger.bytes() - kept, 0xff);
  return larger;
}

void copy_rows(const Tensor& from, std::int64_t rows, Tensor& to) {
  if (rows > 0) to.copy_bytes(from, rows_bytes(from, rows));
}

void poison_rows(Tensor& tensor, std::int64_t begin, std::int64_t end) {
  const std::int64_t first = rows_bytes(tensor, begin);
  tensor.fill_bytes(first, rows_bytes(tensor, end) - first, 0xff);
}

bool same_rows(const Tensor& a, const Tensor& b) {
  if (a.empty() || b.empty()) return a.empty() == b.empty();
  return a.queue() == b.queue() && a.dtype() == b.dtype() && a.shape().size() == b.shape().size() &&
         std::equal(a.shape().begin() + 1, a.shape().end(), b.shape().begin() + 1);
}

/// Calls `action` on each tensor that a layer has.
template <class Layer, class Action>
void for_each_tensor(Layer& layer, Action action) {
  for (auto* tensor : {&layer.latents, &layer.keys, &layer.key_scales}) {
    if (!tensor->empty()) action(*tensor);
  }
}

}  // namespace

KvCache::KvCache(const ModelConfig& config, const LayerPattern& pattern,
                 std::optional<IndexerMode> mode, std::int64_t reserve_tokens, DType dtype,
                 DeviceQueue* queue)
    : layers_(static_cast<std::size_t>(pattern.num_layers())) {
  for (std::int64_t l = 0; l < pattern.num_layers(); ++l) {
    LayerCache& layer = layers_[static_cast<std::size_t>(l)];
    layer.latents = Tensor(dtype, {0, config.kv_lora_rank + config.qk_rope_dim}, queue);
    if (!mode || !pattern.is_full(l)) continue;
    const bool exact = *mode == IndexerMode::exact;
    layer.keys = Tensor(exact ? dtype : DType::f8_e4m3, {0, config.index_dim}, queue);
    if (!exact) layer.key_scales = Tensor(DType::f32, {0}, queue);
  }
  reserve(reserve_tokens);
}

void KvCache::reserve(std::int64_t tokens) {
  if (tokens < 0) throw InvalidArgument(fmt::format("KvCache: reserve of {} tokens", tokens));
  if (tokens <= capacity_) return;
  const std::int64_t capacity = capacity_ == 0 ? tokens : std::max(tokens, 2 * capacity_);
  for (LayerCache& layer : layers_) {
    for_each_tensor(layer, [&](Tensor& tensor) { tensor = grown(tensor, length_, capacity); });
  }
  capacity_ = capacity;
}

void KvCache::set_length(std::int64_t tokens) {
  if (tokens < 0 || tokens > capacity_) {
    throw InvalidArgument(
        fmt::format("KvCache: length {} is outside the capacity of {} tokens", tokens, capacity_));
  }
  if (tokens < length_) {
    for (LayerCache& layer : layers_) {
      for_each_tensor(layer, [&](Tensor& tensor) { poison_rows(tensor, tokens, length_); });
    }
  }
  length_ = tokens;
}

TensorView KvCache::latents(std::int64_t layer) {
  return layers_.at(static_cast<std::size_t>(layer)).latents.view().rows(0, capacity_);
}

ConstTensorView KvCache::latents(std::int64_t layer) const {
  return layers_.at(static_cast<std::size_t>(layer)).latents.view().rows(0, capacity_);
}

TensorView KvCache::indexer_keys(std::int64_t layer) {
  return const_cast<LayerCache&>(indexed_layer(layer)).keys.view().rows(0, capacity_);
}

ConstTensorView KvCache::indexer_keys(std::int64_t layer) const {
  return indexed_layer(layer).keys.view().rows(0, capacity_);
}

TensorView KvCache::indexer_key_scales(std::int64_t layer) {
  Tensor& scales = const_cast<LayerCache&>(indexed_layer(layer)).key_scales;
  return scales.empty() ? TensorView() : scales.view().rows(0, capacity_);
}

ConstTensorView KvCache::indexer_key_scales(std::int64_t layer) const {
  const Tensor& scales = indexed_layer(layer).key_scales;
  return scales.empty() ? ConstTensorView() : scales.view().rows(0, capacity_);
}

const KvCache::LayerCache& KvCache::indexed_layer(std::int64_t layer) const {
  if (!has_indexer_cache(layer)) {
    throw InvalidArgument(fmt::format("KvCache: layer {} has no indexer cache", layer));
  }
  return layers_[static_cast<std::size_t>(layer)];
}

bool KvCache::has_indexer_cache(std::int64_t layer) const {
  return !layers_.at(static_cast<std::size_t>(layer)).keys.empty();
}

std::int64_t KvCache::bytes_per_token() const {
  std::int64_t bytes = 0;
  for (const LayerCache& layer : layers_) {
    for_each_tensor(layer, [&](const Tensor& tensor) {
      const std::int64_t width = tensor.shape().size() > 1 ? tensor.dim(1) : 1;
      bytes += width * dtype_bytes(tensor.dtype());
    });
  }
  return bytes;
}

KvCache KvCache::clone() const {
  KvCache copy;
  copy.length_ = copy.capacity_ = length_;
  copy.layers_.reserve(layers_.size());
  for (const LayerCache& layer : layers_) {
    LayerCache& to = copy.layers_.emplace_back();
    if (!layer.latents.empty()) to.latents = grown(layer.latents, length_, length_);
    if (!layer.keys.empty()) to.keys = grown(layer.keys, length_, length_);
    if (!layer.key_scales.empty()) to.key_scales = grown(layer.key_scales, length_, length_);
  }
  return copy;
}

void KvCache::assign(const KvCache& other) {
  bool same = layers_.size() == other.layers_.size();
  for (std::size_t l = 0; same && l < layers_.size(); ++l) {
    same = same_rows(layers_[l].latents, other.layers_[l].latents) &&
           same_rows(layers_[l].keys, other.layers_[l].keys) &&
           same_rows(layers_[l].key_scales, other.layers_[l].key_scales);
  }
  if (!same) {
    throw InvalidArgument("KvCache: the caches differ in layers, pattern, sizes or indexer mode");
  }
  reserve(other.length_);
  if (&other == this) return;
  set_length(std::min(length_, other.length_));
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    copy_rows(other.layers_[l].latents, other.length_, layers_[l].latents);
    if (layers_[l].keys.empty()) continue;
    copy_rows(other.layers_[l].keys, other.length_, layers_[l].keys);
    if (layers_[l].key_scales.empty()) continue;
    copy_rows(other.layers_[l].key_scales, other.length_, layers_[l].key_scales);
  }
  length_ = other.length_;
}

}  // namespace dsabench
