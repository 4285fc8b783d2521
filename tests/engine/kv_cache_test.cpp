#include "engine/cache/kv_cache.h"

#include <cmath>

#include "engine/cache/index_cache.h"
#include "kernels/base/float_formats.h"
#include "kernels/ops/sparse_mla.h"
#include "tests/support/catch.h"
#include "tests/support/engine_runs.h"

namespace dsabench::test {
namespace {

constexpr IndexerMode kModes[] = {IndexerMode::exact, IndexerMode::fp8, IndexerMode::fp8_hadamard};

/// Every tensor of a cache, in one order.
std::vector<TensorView> tensors(KvCache& cache, const LayerPattern& pattern) {
  std::vector<TensorView> all;
  for (std::int64_t l = 0; l < pattern.num_layers(); ++l) {
    all.push_back(cache.latents(l));
    if (!cache.has_indexer_cache(l)) continue;
    all.push_back(cache.indexer_keys(l));
    if (!cache.indexer_key_scales(l).empty()) all.push_back(cache.indexer_key_scales(l));
  }
  return all;
}

bool all_bytes(TensorView rows, int value) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(rows.raw());
  return std::all_of(bytes, bytes + rows.bytes(), [value](int byte) { return byte == value; });
}

/// Writes rows [begin, end) of every tensor with a byte of their own, so that copies show.
void write_rows(KvCache& cache, const LayerPattern& pattern, std::int64_t begin, std::int64_t end) {
  int tensor_index = 0;
  for (const TensorView& tensor : tensors(cache, pattern)) {
    ++tensor_index;
    for (std::int64_t t = begin; t < end; ++t) {
      const TensorView row = tensor.rows(t, 1);
      std::memset(row.raw(), static_cast<int>(tensor_index * 16 + t) & 0x7f,
                  static_cast<std::size_t>(row.bytes()));
    }
  }
}

bool rows_written(KvCache& cache, const LayerPattern& pattern, std::int64_t begin,
                  std::int64_t end) {
  int tensor_index = 0;
  for (const TensorView& tensor : tensors(cache, pattern)) {
    ++tensor_index;
    for (std::int64_t t = begin; t < end; ++t) {
      if (!all_bytes(tensor.rows(t, 1), static_cast<int>(tensor_index * 16 + t) & 0x7f)) {
        return false;
      }
    }
  }
  return true;
}

bool rows_poisoned(KvCache& cache, const LayerPattern& pattern, std::int64_t begin) {
  for (const TensorView& tensor : tensors(cache, pattern)) {
    if (!all_bytes(tensor.rows(begin, tensor.dim(0) - begin), 0xff)) return false;
  }
  return true;
}

TEST_CASE("a cache has latents on every layer and indexer keys on Full layers only") {
  DSABENCH_SEEDED(random);
  const ModelConfig config = random_config(random, random_family(random));
  const auto pattern = random_pattern(random, config.num_layers);
  const std::int64_t latent_width = config.kv_lora_rank + config.qk_rope_dim;
  for (const IndexerMode mode : kModes) {
    CAPTURE(indexer_mode_name(mode));
    KvCache cache(config, pattern, mode, 11);
    const bool exact = mode == IndexerMode::exact;
    std::int64_t bytes = 0;
    for (std::int64_t l = 0; l < config.num_layers; ++l) {
      CHECK(cache.latents(l).shape_string() == fmt::format("f32 [11, {}]", latent_width));
      bytes += 4 * latent_width;
      CHECK(cache.has_indexer_cache(l) == pattern.is_full(l));
      if (!pattern.is_full(l)) {
        CHECK(contains(refusal([&] { cache.indexer_keys(l); }), fmt::format("layer {}", l)));
        CHECK_FALSE(refusal([&] { cache.indexer_key_scales(l); }).empty());
        continue;
      }
      CHECK(cache.indexer_keys(l).shape_string() ==
            fmt::format("{} [11, {}]", exact ? "f32" : "f8_e4m3", config.index_dim));
      CHECK(cache.indexer_key_scales(l).empty() == exact);
      bytes += exact ? 4 * config.index_dim : config.index_dim + 4;
    }
    CHECK(cache.bytes_per_token() == bytes);
    CHECK(cache.allocated_bytes() == 11 * bytes);
  }
  const KvCache dense(config, pattern, std::nullopt, 4);
  for (std::int64_t l = 0; l < config.num_layers; ++l) CHECK_FALSE(dense.has_indexer_cache(l));
}

TEST_CASE("growth keeps the valid rows, poisons the new ones and allocates only beyond capacity") {
  DSABENCH_SEEDED(random);
  const ModelConfig config = random_config(random, random_family(random));
  const auto pattern = random_pattern(random, config.num_layers);
  for (const IndexerMode mode : kModes) {
    CAPTURE(indexer_mode_name(mode));
    KvCache cache(config, pattern, mode, 0);
    CHECK(cache.capacity() == 0);
    cache.reserve(3);
    CHECK(cache.capacity() == 3);
    CHECK(rows_poisoned(cache, pattern, 0));
    write_rows(cache, pattern, 0, 3);
    cache.set_length(3);
    cache.reserve(4);
    CHECK(cache.capacity() == 6);
    CHECK(cache.length() == 3);
    CHECK(rows_written(cache, pattern, 0, 3));
    CHECK(rows_poisoned(cache, pattern, 3));

    const auto* before = cache.latents(0).raw();
    cache.reserve(6);
    CHECK(cache.latents(0).raw() == before);
    cache.reserve(50);
    CHECK(cache.capacity() == 50);
    CHECK(rows_written(cache, pattern, 0, 3));

    cache.set_length(1);
    CHECK(rows_written(cache, pattern, 0, 1));
    CHECK(rows_poisoned(cache, pattern, 1));
    CHECK_FALSE(refusal([&] { cache.set_length(51); }).empty());
    CHECK_FALSE(refusal([&] { cache.set_length(-1); }).empty());
    CHECK_FALSE(refusal([&] { cache.reserve(-1); }).empty());
    CHECK(cache.length() == 1);
  }
  // The poison is NaN in both formats.
  CHECK(std::isnan(e4m3_to_f32(0xff)));
}

TEST_CASE("a clone is deep, and assign takes over the rows within the capacity") {
  DSABENCH_SEEDED(random);
  const ModelConfig config = random_config(random, random_family(random));
  const auto pattern = random_pattern(random, config.num_layers);
  for (const IndexerMode mode : kModes) {
    CAPTURE(indexer_mode_name(mode));
    KvCache cache(config, pattern, mode, 20);
    write_rows(cache, pattern, 0, 7);
    cache.set_length(7);
    KvCache copy = cache.clone();
    CHECK(copy.length() == 7);
    CHECK(copy.capacity() == 7);
    CHECK(rows_written(copy, pattern, 0, 7));
    cache.set_length(2);
    CHECK(rows_written(copy, pattern, 0, 7));

    write_rows(cache, pattern, 0, 12);
    cache.set_length(12);
    for (const TensorView& tensor : tensors(cache, pattern)) {
      std::memset(tensor.rows(0, 7).raw(), 0x33,
                  static_cast<std::size_t>(tensor.rows(0, 7).bytes()));
    }
    const auto* before = cache.latents(0).raw();
    cache.assign(copy);
    CHECK(cache.latents(0).raw() == before);
    CHECK(cache.length() == 7);
    CHECK(rows_written(cache, pattern, 0, 7));
    CHECK(rows_poisoned(cache, pattern, 7));

    KvCache empty(config, pattern, mode, 0);
    empty.assign(copy);
    CHECK(rows_written(empty, pattern, 0, 7));
    CHECK(empty.length() == 7);

    KvCache other(config, LayerPattern::all_full(config.num_layers), mode, 3);
    CHECK_FALSE(refusal([&] { other.assign(copy); }).empty());
    CHECK(other.length() == 0);
  }
}

TEST_CASE("an index cache that no Full layer wrote is refused by the attention") {
  constexpr std::int64_t rows = 3, top_k = 5, latent_dim = 8, rope_dim = 4;
  IndexCache cache;
  cache.begin_forward(rows, top_k);
  CHECK(cache.source_layer() == -1);
  const TensorView indices = cache.indices();
  REQUIRE(indices.shape_string() == "i32 [3, 5]");

  Random random(1);
  const Tensor latents = random.normal_tensor({rows, latent_dim + rope_dim});
  const Tensor q_latent = random.normal_tensor({rows, 2, latent_dim});
  const Tensor q_rope = random.normal_tensor({rows, 2, rope_dim});
  Tensor out(DType::f32, {rows, 2, latent_dim});
  const ops::LatentSequence sequence{{0, rows, 0}, latents};
  const auto attend = [&] {
    ops::sparse_mla({}, {q_latent, q_rope, indices, {&sequence, 1}, out, 1.0f});
  };
  CHECK_THROWS_AS(attend(), InvalidArgument);

  std::fill_n(indices.data<std::int32_t>(), rows * top_k, -1);
  for (std::int64_t t = 0; t < rows; ++t) indices.row<std::int32_t>(t)[0] = 0;
  cache.set_source_layer(2);
  CHECK(cache.source_layer() == 2);
  CHECK_NOTHROW(attend());

  cache.begin_forward(rows - 1, top_k);
  CHECK(cache.source_layer() == -1);
  CHECK(cache.indices().raw() == indices.raw());
  CHECK(cache.indices().data<std::int32_t>()[0] == IndexCache::kPoison);
}

TEST_CASE("indexer modes have names that parse back") {
  for (const IndexerMode mode : kModes) CHECK(parse_indexer_mode(indexer_mode_name(mode)) == mode);
  CHECK(contains(refusal([] { parse_indexer_mode("fp4"); }), "exact, fp8, fp8_hadamard"));
}

}  // namespace
}  // namespace dsabench::test
