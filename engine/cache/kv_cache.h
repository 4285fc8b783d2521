#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/model/layer_pattern.h"
#include "engine/model/model_config.h"
#include "kernels/base/tensor.h"

namespace dsabench {

/// How the indexer computes (docs/MODEL.md). exact: f32. fp8: queries and keys quantised to e4m3
/// with power-of-two scales. fp8_hadamard: the same after a Hadamard transform, as in the DeepSeek
/// reference and SGLang.
enum class IndexerMode { exact, fp8, fp8_hadamard };
const char* indexer_mode_name(IndexerMode mode);
IndexerMode parse_indexer_mode(std::string_view name);

/// The caches of one sequence: per layer the latents, and per Full layer the indexer's keys. Shared
/// layers have no indexer cache. Rows are appended by the engine; capacity grows by doubling, so
/// that growth within a reserved capacity never allocates. Not thread-safe.
class KvCache {
 public:
  /// Without a mode (dense attention) no layer has an indexer cache. Lives on the queue's device,
  /// or on the host; `dtype` is the activations': f32, or bf16 on a device.
  KvCache(const ModelConfig& config, const LayerPattern& pattern, std::optional<IndexerMode> mode,
          std::int64_t reserve_tokens, DType dtype = DType::f32, DeviceQueue* queue = nullptr);

  std::int64_t length() const { return length_; }
  /// Makes room for `tokens` rows in every cache; keeps what is there. New rows are poisoned.
  void reserve(std::int64_t tokens);
  /// Declares rows [0, tokens) valid; needs capacity. Shrinking poisons the rows it forgets.
  void set_length(std::int64_t tokens);

  /// [capacity, kv_lora_rank + rope] of the activations' type: normalised latent, then rotated key
  /// part.
  TensorView latents(std::int64_t layer);
  ConstTensorView latents(std::int64_t layer) const;
  /// [capacity, index_dim] of the activations' type, or f8_e4m3. Throws InvalidArgument on a layer
  /// without indexer cache.
  TensorView indexer_keys(std::int64_t layer);
  ConstTensorView indexer_keys(std::int64_t layer) const;
  /// [capacity] f32 in the fp8 modes, else empty. Throws as indexer_keys.
  TensorView indexer_key_scales(std::int64_t layer);
  ConstTensorView indexer_key_scales(std::int64_t layer) const;

  bool has_indexer_cache(std::int64_t layer) const;
  std::int64_t capacity() const { return capacity_; }
  /// Bytes of one token's rows over all layers, and of all that is allocated.
  std::int64_t bytes_per_token() const;
  std::int64_t allocated_bytes() const { return bytes_per_token() * capacity_; }

  /// Deep copy of the valid rows.
  KvCache clone() const;
  /// Takes over the valid rows of `other`; allocates only beyond the capacity. Throws
  /// InvalidArgument where the caches differ in layers, sizes or dtypes, and is then unchanged.
  void assign(const KvCache& other);

 private:
  struct LayerCache {
    Tensor latents, keys, key_scales;
  };
  KvCache() = default;
  const LayerCache& indexed_layer(std::int64_t layer) const;
  std::vector<LayerCache> layers_;
  std::int64_t length_ = 0, capacity_ = 0;
};

}  // namespace dsabench
