/// Engines whose latents are cached in fp8.
#include "kernels/ops/fp8_latents.h"

#include "kernels/base/float_formats.h"
#include "kernels/reference/fp8.h"
#include "tests/support/catch.h"
#include "tests/support/compare.h"
#include "tests/support/engine_runs.h"

namespace dsabench::test {
namespace {

EngineOptions with_format(CacheFormat format, std::int64_t chunk) {
  EngineOptions options = chunked(chunk);
  options.cache_format = format;
  return options;
}

Tensor latents(const Engine& engine, std::int64_t sequence, std::int64_t count) {
  const SequenceCache& cache = engine.cache(sequence);
  return cached_rows(cache.pool().latents(0), cache.blocks(), count);
}

TEST_CASE("the fp8 cache holds the exact cache's latents, rounded") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const ModelConfig& config = *model.config;
  const auto pattern = random_pattern(random, config.num_layers);
  const std::int64_t length = 100, width = config.kv_lora_rank + config.qk_rope_dim;
  const auto prompt = random_tokens(random, config, length);
  Engine exact = make_engine(model, pattern, with_format(CacheFormat::activations, 30));
  Engine fp8 = make_engine(model, pattern, with_format(CacheFormat::fp8, 30));
  const std::int64_t sequence = exact.add_sequence(0);
  REQUIRE(fp8.add_sequence(0) == sequence);
  prefill_all(exact, sequence, prompt);
  prefill_all(fp8, sequence, prompt);
  // Layer 0's input is the embedding, whatever the cache.
  const Tensor values = latents(exact, sequence, length), rows = latents(fp8, sequence, length);
  const ops::Fp8LatentRow layout{config.kv_lora_rank, config.qk_rope_dim};
  REQUIRE(rows.dim(1) == layout.bytes());
  for (std::int64_t t = 0; t < length; ++t) {
    CAPTURE(t);
    const auto want = reference::fp8_latent_row(
        {values.view().row<float>(t), static_cast<std::size_t>(width)}, config.kv_lora_rank);
    CHECK(std::equal(want.begin(), want.end(), rows.view().row<std::uint8_t>(t)));
  }
  const std::int64_t less = (4 * width - layout.bytes()) * config.num_layers;
  CHECK(exact.cache(sequence).pool().bytes_per_token() -
            fp8.cache(sequence).pool().bytes_per_token() ==
        less);
}

TEST_CASE("with the fp8 cache chunks, decoding and copies change nothing, and logits stay near") {
  DSABENCH_SEEDED(random);
  ModelConfig config = random_config(random, random_family(random));
  config.is_moe.assign(config.is_moe.size(), false);  // no choice that a rounding turns over
  config.index_top_k = config.max_positions;
  Weights weights = random_weights(random, config);
  const RandomModel model{std::make_shared<const ModelConfig>(std::move(config)),
                          std::make_shared<const Weights>(std::move(weights))};
  const auto pattern = random_pattern(random, model.config->num_layers);
  const auto prompt = random_tokens(random, *model.config, 90);
  Engine exact = make_engine(model, pattern, one_shot());
  Engine whole = make_engine(model, pattern, with_format(CacheFormat::fp8, 1 << 20));
  Engine cut = make_engine(model, pattern, with_format(CacheFormat::fp8, random.integer(3, 40)));
  const Tensor logits = prefill_all(whole, prompt);
  check_close(logits.view(), prefill_all(exact, prompt).view(), 0.2);
  const std::int64_t sequence = cut.add_sequence(0);
  Tensor chunks = prefill_all(cut, sequence, {prompt.begin(), prompt.end() - 1});
  // A sum in another order may move a value over a rounding boundary: a code, not an error.
  check_close(chunks.view(), ConstTensorView(logits.view().rows(0, 89)), 2e-2);
  const std::int64_t copy = cut.add_sequence(0);
  cut.copy_sequence(sequence, copy);
  const Tensor step = decode_one(cut, sequence, prompt.back());
  check_close(step.view(), ConstTensorView(logits.view().rows(89, 1)), 2e-2);
  CHECK(same_bits(decode_one(cut, copy, prompt.back()).view(), step.view()));
}

TEST_CASE("restore refuses a snapshot of another cache format") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const auto pattern = LayerPattern::all_full(model.config->num_layers);
  Engine exact = make_engine(model, pattern, with_format(CacheFormat::activations, 30));
  Engine fp8 = make_engine(model, pattern, with_format(CacheFormat::fp8, 30));
  const std::int64_t sequence = exact.add_sequence(0), other = fp8.add_sequence(0);
  prefill_all(exact, sequence, random_tokens(random, *model.config, 5));
  CHECK_FALSE(refusal([&] { fp8.restore(other, exact.snapshot(sequence)); }).empty());
  CHECK(fp8.length(other) == 0);
}

}  // namespace
}  // namespace dsabench::test
