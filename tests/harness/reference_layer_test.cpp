#include "harness/run/reference_layer.h"

#include "tests/support/catch.h"
#include "tests/support/random_model.h"

namespace dsabench::test {
namespace {

/// `row` as the engine's operators rotate it, interleaved, at `position`.
std::vector<float> rotated(const ops::RopeFrequencies& frequencies, std::span<const float> row,
                           std::int64_t position) {
  const auto dim = static_cast<std::int64_t>(row.size());
  Tensor positions(DType::i32, {1}), x(DType::f32, {1, 1, dim});
  Tensor cos(DType::f32, {1, dim / 2}), sin(DType::f32, {1, dim / 2});
  positions.data<std::int32_t>()[0] = static_cast<std::int32_t>(position);
  std::copy(row.begin(), row.end(), x.data<float>());
  ops::rope_angles({}, {&frequencies, positions, cos, sin});
  ops::rope({}, {x, cos, sin, ops::RopeLayout::interleaved});
  return {x.data<float>(), x.data<float>() + dim};
}

}  // namespace

TEST_CASE("the reference turns far positions as the engine's operators do") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 20; ++round) {
    ModelConfig config = random_config(random, random_family(random));
    config.rope.yarn.reset();  // so that position 0 leaves the row as it is
    const Weights weights = random_weights(random, config);
    const ReferenceLayer layer(config, {});
    const Tensor x = random.normal_tensor({config.hidden_size}, 1.0);
    const std::span<const float> input(x.data<float>(), std::size_t(config.hidden_size));
    const std::int64_t position = random.integer(20'000, 1'000'000);
    CAPTURE(config.rope.dim, config.rope.theta, position);

    const AttentionWeights& attention = weights.layers[0].attention;
    const auto rope_part = [&](std::int64_t at) {
      const std::vector<float> row = layer.latent_row(attention, input, at);
      return std::vector<float>(row.begin() + config.kv_lora_rank, row.end());
    };
    const std::vector<float> plain = rope_part(0), got = rope_part(position);
    const auto want = rotated(ops::rope_frequencies(config.rope), plain, position);
    float largest = 0.0f;
    for (const float value : plain) largest = std::max(largest, std::abs(value));
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      CAPTURE(i, got[i], want[i]);
      CHECK(std::abs(got[i] - want[i]) <= 1e-6f * largest);
    }
  }
}

}  // namespace dsabench::test
