#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "engine/cache/cache_format.h"
#include "engine/cache/indexer_mode.h"
#include "engine/model/layer_pattern.h"
#include "engine/model/model_config.h"
#include "kernels/base/tensor.h"
#include "kernels/ops/block_table.h"

namespace dsabench {

/// The memory of the caches, in blocks of 64 tokens that sequences take and give back: per layer
/// one tensor of latents, and per Full layer one of the indexer's keys (Shared layers have none). A
/// block is the same 64 rows in each of them. Not thread-safe.
class BlockPool {
 public:
  /// What the pool is made for. Without a mode (dense attention) no layer has an indexer cache.
  /// `dtype` is the activations': f32, or bf16 on a device. Lives on the queue's device, or on the
  /// host. With `order_seed` blocks are handed out in an order drawn from it instead of ascending:
  /// whoever takes them for consecutive is found out.
  struct Options {
    std::optional<IndexerMode> mode;
    DType dtype = DType::f32;
    DeviceQueue* queue = nullptr;
    std::optional<std::uint64_t> order_seed;
    CacheFormat format = CacheFormat::activations;
  };
  /// Empty: memory comes with `make_room` and `take`.
  BlockPool(const ModelConfig& config, const LayerPattern& pattern, const Options& options);
  /// As empty as at first, with the layers of `other`.
  static BlockPool like(const BlockPool& other);

  /// Makes sure that `blocks` can be taken without an allocation. Growing keeps what blocks hold
  /// and moves it: views are invalid from then on.
  void make_room(std::int64_t blocks);
  /// Appends `blocks` blocks to `table`; every byte of them is 0xff (NaN). Where they are not
  /// there, the pool grows at least to twice its size.
  void take(std::int64_t blocks, std::vector<std::int32_t>& table);
  void give_back(std::span<const std::int32_t> table) noexcept;

  std::int64_t num_blocks() const { return num_blocks_; }
  std::int64_t num_free() const { return static_cast<std::int64_t>(free_.size()); }

  /// [rows, kv_lora_rank + rope] of the activations' type: normalised latent, then rotated key
  /// part; in fp8 [rows, bytes] u8. 64 rows a block.
  TensorView latents(std::int64_t layer);
  ConstTensorView latents(std::int64_t layer) const;
  /// [rows, index_dim] of the activations' type, or f8_e4m3. Throws InvalidArgument on a layer
  /// without indexer cache.
  TensorView indexer_keys(std::int64_t layer);
  ConstTensorView indexer_keys(std::int64_t layer) const;
  /// [rows] f32 in the fp8 modes, else empty. Throws as indexer_keys.
  TensorView indexer_key_scales(std::int64_t layer);
  ConstTensorView indexer_key_scales(std::int64_t layer) const;
  bool has_indexer_cache(std::int64_t layer) const;

  DeviceQueue* queue() const { return queue_; }
  /// Bytes of one token's rows over all layers, and of all that is allocated.
  std::int64_t bytes_per_token() const;
  std::int64_t allocated_bytes() const { return bytes_per_token() * num_blocks_ * ops::kBlockRows; }

  /// Fills the rows of positions [begin, end) of a table with 0xff.
  void poison(std::span<const std::int32_t> table, std::int64_t begin, std::int64_t end);
  /// Copies the rows of positions [0, count) from a table of `other` to one of this pool.
  void copy(const BlockPool& other, std::span<const std::int32_t> from,
            std::span<const std::int32_t> to, std::int64_t count);
  /// Whether the pools have the same layers, sizes, types and place.
  bool same_layers(const BlockPool& other) const;

 private:
  /// latents, keys, key scales; absent ones are empty.
  using LayerTensors = std::array<Tensor, 3>;
  BlockPool() = default;
  /// Every row of a layer's tensor, empty where it is absent.
  TensorView rows(std::int64_t layer, std::size_t tensor);
  void need_indexer_cache(std::int64_t layer) const;
  void grow(std::int64_t num_blocks);
  void order_free();

  std::vector<LayerTensors> layers_;
  DeviceQueue* queue_ = nullptr;
  std::int64_t num_blocks_ = 0;
  std::vector<std::int32_t> free_;  ///< taken from the back
  bool free_ordered_ = true;
  std::optional<std::mt19937_64> shuffle_;
};

}  // namespace dsabench
