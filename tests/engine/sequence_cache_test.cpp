#include "engine/cache/sequence_cache.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <set>

#include "kernels/base/float_formats.h"
#include "tests/support/catch.h"
#include "tests/support/engine_runs.h"

namespace dsabench::test {
namespace {

constexpr IndexerMode kModes[] = {IndexerMode::exact, IndexerMode::fp8, IndexerMode::fp8_hadamard};

/// A pool for a random model; blocks come in a random order, or ascending.
struct Scene {
  explicit Scene(Random& random)
      : config(random_config(random, random_family(random))),
        pattern(random_pattern(random, config.num_layers)),
        mode(kModes[random.integer(0, 2)]) {
    if (random.integer(0, 1) == 1) order_seed = static_cast<std::uint64_t>(random.integer(0, 999));
  }
  std::shared_ptr<BlockPool> pool() const {
    return std::make_shared<BlockPool>(config, pattern,
                                       BlockPool::Options{mode, DType::f32, nullptr, order_seed});
  }

  ModelConfig config;
  LayerPattern pattern;
  IndexerMode mode;
  std::optional<std::uint64_t> order_seed;
};

/// Every tensor of a pool, in one order.
std::vector<TensorView> tensors(BlockPool& pool, const Scene& scene) {
  std::vector<TensorView> all;
  for (std::int64_t l = 0; l < scene.pattern.num_layers(); ++l) {
    all.push_back(pool.latents(l));
    if (!pool.has_indexer_cache(l)) continue;
    all.push_back(pool.indexer_keys(l));
    if (!pool.indexer_key_scales(l).empty()) all.push_back(pool.indexer_key_scales(l));
  }
  return all;
}

bool all_bytes(TensorView rows, int value) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(rows.raw());
  return std::all_of(bytes, bytes + rows.bytes(), [value](int byte) { return byte == value; });
}

/// A byte of its own for every tensor, position and writer, never that of poison.
int mark(std::size_t tensor, std::int64_t position, int writer) {
  return static_cast<int>(static_cast<std::int64_t>(tensor) * 7 + position * 3 + writer * 41) % 251;
}

void write(SequenceCache& cache, const Scene& scene, std::int64_t begin, std::int64_t end,
           int writer) {
  const auto all = tensors(cache.pool(), scene);
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::int64_t t = begin; t < end; ++t) {
      const TensorView row = all[i].rows(cache.row(t), 1);
      std::memset(row.raw(), mark(i, t, writer), static_cast<std::size_t>(row.bytes()));
    }
  }
}

bool written(SequenceCache& cache, const Scene& scene, std::int64_t begin, std::int64_t end,
             int writer) {
  const auto all = tensors(cache.pool(), scene);
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::int64_t t = begin; t < end; ++t) {
      if (!all_bytes(all[i].rows(cache.row(t), 1), mark(i, t, writer))) return false;
    }
  }
  return true;
}

bool poisoned(SequenceCache& cache, const Scene& scene, std::int64_t begin) {
  for (const TensorView& tensor : tensors(cache.pool(), scene)) {
    for (std::int64_t t = begin; t < cache.capacity(); ++t) {
      if (!all_bytes(tensor.rows(cache.row(t), 1), 0xff)) return false;
    }
  }
  return true;
}

TEST_CASE("a pool has latents on every layer and indexer keys on Full layers only") {
  DSABENCH_SEEDED(random);
  Scene scene(random);
  const ModelConfig& config = scene.config;
  const std::int64_t latent_width = config.kv_lora_rank + config.qk_rope_dim;
  for (const IndexerMode mode : kModes) {
    CAPTURE(indexer_mode_name(mode));
    scene.mode = mode;
    const auto pool = scene.pool();
    CHECK(pool->allocated_bytes() == 0);
    pool->make_room(3);
    const bool exact = mode == IndexerMode::exact;
    std::int64_t bytes = 0;
    for (std::int64_t l = 0; l < config.num_layers; ++l) {
      CHECK(pool->latents(l).shape_string() == fmt::format("f32 [192, {}]", latent_width));
      bytes += 4 * latent_width;
      CHECK(pool->has_indexer_cache(l) == scene.pattern.is_full(l));
      if (!scene.pattern.is_full(l)) {
        CHECK(contains(refusal([&] { pool->indexer_keys(l); }), fmt::format("layer {}", l)));
        CHECK_FALSE(refusal([&] { pool->indexer_key_scales(l); }).empty());
        continue;
      }
      CHECK(pool->indexer_keys(l).shape_string() ==
            fmt::format("{} [192, {}]", exact ? "f32" : "f8_e4m3", config.index_dim));
      CHECK(pool->indexer_key_scales(l).empty() == exact);
      bytes += exact ? 4 * config.index_dim : config.index_dim + 4;
    }
    CHECK(pool->bytes_per_token() == bytes);
    CHECK(pool->allocated_bytes() == 192 * bytes);
  }
  const BlockPool dense(config, scene.pattern, {});
  for (std::int64_t l = 0; l < config.num_layers; ++l) CHECK_FALSE(dense.has_indexer_cache(l));
}

TEST_CASE("sequences have blocks of their own, poisoned and within the pool") {
  DSABENCH_SEEDED(random);
  const Scene scene(random);
  const auto pool = scene.pool();
  std::vector<std::unique_ptr<SequenceCache>> caches;
  std::int64_t blocks = 0;
  for (int s = 0; s < 4; ++s) {
    const std::int64_t tokens = random.integer(0, 300);
    SequenceCache& cache = *caches.emplace_back(std::make_unique<SequenceCache>(pool));
    cache.reserve(tokens);
    CHECK(cache.capacity() == (tokens + 63) / 64 * 64);
    CHECK(cache.block_table().empty() == (tokens == 0));
    blocks += (tokens + 63) / 64;
    CHECK(poisoned(cache, scene, 0));
    write(cache, scene, 0, tokens, s);
    cache.set_length(tokens);
  }
  CHECK(pool->num_blocks() - pool->num_free() == blocks);
  std::set<std::int32_t> seen;
  for (int s = 0; s < 4; ++s) {
    SequenceCache& cache = *caches[static_cast<std::size_t>(s)];
    CHECK(written(cache, scene, 0, cache.length(), s));
    CHECK(poisoned(cache, scene, cache.length()));
    for (const std::int32_t block : cache.blocks()) {
      CHECK(seen.insert(block).second);
      CHECK(block >= 0);
      CHECK(block < pool->num_blocks());
    }
  }
  // What one leaves behind, the next does not see.
  caches.resize(1);
  SequenceCache next(pool);
  next.reserve(300);
  CHECK(poisoned(next, scene, 0));
  CHECK(written(*caches[0], scene, 0, caches[0]->length(), 0));
}

TEST_CASE("blocks ascend, or come in the order of a seed") {
  DSABENCH_SEEDED(random);
  Scene scene(random);
  for (const bool shuffled : {false, true}) {
    scene.order_seed = shuffled ? std::optional<std::uint64_t>(7) : std::nullopt;
    const auto pool = scene.pool();
    SequenceCache cache(pool);
    cache.reserve(40 * 64);
    const std::span<const std::int32_t> blocks = cache.blocks();
    CHECK(std::is_sorted(blocks.begin(), blocks.end()) == !shuffled);
  }
}

TEST_CASE("growth keeps what blocks hold, and what was made room for needs none") {
  DSABENCH_SEEDED(random);
  const Scene scene(random);
  const auto pool = scene.pool();
  SequenceCache cache(pool), other(pool);
  cache.reserve(3);
  write(cache, scene, 0, 3, 0);
  cache.set_length(3);
  pool->make_room(5);
  CHECK(pool->num_blocks() == 6);
  const auto* before = pool->latents(0).raw();
  other.reserve(5 * 64);
  CHECK(pool->latents(0).raw() == before);
  CHECK(pool->num_free() == 0);
  write(other, scene, 0, 5 * 64, 1);
  other.set_length(5 * 64);

  cache.reserve(65);  // more than there is: at least twice as much from then on
  CHECK(pool->num_blocks() == 12);
  CHECK(cache.length() == 3);
  CHECK(written(cache, scene, 0, 3, 0));
  CHECK(poisoned(cache, scene, 3));
  CHECK(written(other, scene, 0, 5 * 64, 1));

  cache.set_length(1);
  CHECK(cache.capacity() == 128);
  CHECK(written(cache, scene, 0, 1, 0));
  CHECK(poisoned(cache, scene, 1));
  CHECK(written(other, scene, 0, 5 * 64, 1));
  CHECK_FALSE(refusal([&] { cache.set_length(129); }).empty());
  CHECK_FALSE(refusal([&] { cache.set_length(-1); }).empty());
  CHECK_FALSE(refusal([&] { cache.reserve(-1); }).empty());
  CHECK(cache.length() == 1);
  // The poison is NaN in both formats.
  CHECK(std::isnan(e4m3_to_f32(0xff)));
}

TEST_CASE("a clone is deep, and assign copies into blocks of one's own, within the capacity") {
  DSABENCH_SEEDED(random);
  const Scene scene(random);
  const auto pool = scene.pool();
  const std::int64_t length = random.integer(1, 300);
  CAPTURE(length);
  SequenceCache cache(pool);
  cache.reserve(400);
  write(cache, scene, 0, length, 0);
  cache.set_length(length);
  SequenceCache copy = cache.clone();
  CHECK(copy.length() == length);
  CHECK(copy.pool().num_free() == 0);
  CHECK(written(copy, scene, 0, length, 0));
  CHECK(poisoned(copy, scene, length));
  cache.set_length(0);
  CHECK(written(copy, scene, 0, length, 0));

  write(cache, scene, 0, 400, 1);
  cache.set_length(400);
  const std::vector<std::int32_t> before(cache.blocks().begin(), cache.blocks().end());
  cache.assign(copy);
  CHECK(std::equal(before.begin(), before.end(), cache.blocks().begin(), cache.blocks().end()));
  CHECK(cache.length() == length);
  CHECK(written(cache, scene, 0, length, 0));
  CHECK(poisoned(cache, scene, length));

  SequenceCache twin(pool);  // of the same pool: other blocks, the same rows
  twin.assign(cache);
  CHECK(written(twin, scene, 0, length, 0));
  CHECK(poisoned(twin, scene, length));
  write(twin, scene, 0, length, 2);
  CHECK(written(cache, scene, 0, length, 0));
  twin.assign(twin);
  CHECK(twin.length() == length);

  Scene full = scene;
  full.pattern = LayerPattern::all_full(scene.config.num_layers);
  SequenceCache other(full.pool());
  CHECK_FALSE(refusal([&] { other.assign(copy); }).empty());
  CHECK(other.length() == 0);
}

TEST_CASE("indexer modes have names that parse back") {
  for (const IndexerMode mode : kModes) CHECK(parse_indexer_mode(indexer_mode_name(mode)) == mode);
  CHECK(contains(refusal([] { parse_indexer_mode("fp4"); }), "exact, fp8, fp8_hadamard"));
}

}  // namespace
}  // namespace dsabench::test
