#include "kernels/ops/append_index_keys.h"

#include "kernels/ops/quantize_fp8.h"
#include "tests/kernels/append_case.h"
#include "tests/kernels/device_views.h"

using namespace dsabench;
using namespace dsabench::test;

namespace {

ops::RopeLayout random_layout(Random& random) {
  return random.choice<ops::RopeLayout>(
      {ops::RopeLayout::interleaved, ops::RopeLayout::half_split});
}

}  // namespace

TEST_CASE("append_index_keys writes normed, rotated and transformed keys to their slots") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 20; ++round) {
    const std::int64_t dim = random.choice<std::int64_t>({16, 64, 128});
    const std::int64_t pairs = random.choice<std::int64_t>({0, 3, 8});
    const bool hadamard = random.integer(0, 1) == 1;
    const auto layout = random_layout(random);
    const AppendCase c(random, random.integer(1, 60), dim, pairs);
    CAPTURE(c.tokens, c.cached, dim, pairs, hadamard, static_cast<int>(layout));
    const Tensor x = random.normal_tensor({c.tokens, dim}, 3.0);
    StridedMatrix keys(DType::f32, c.cached, dim);
    ops::AppendIndexKeysArgs args{.x = x,
                                  .norm_weight = c.weight,
                                  .norm_bias = c.bias,
                                  .cos = c.cos,
                                  .sin = c.sin,
                                  .slots = c.slots,
                                  .keys = keys.view(),
                                  .key_scales = {},
                                  .eps = static_cast<float>(AppendCase::kKeyEps),
                                  .rope_layout = layout,
                                  .hadamard = hadamard};
    ops::append_index_keys({}, args);
    CHECK(keys.surroundings_intact());
    c.check(keys.view(), 5e-6, [&](std::int64_t t) { return c.key_row(x, t, layout, hadamard); });

    // Quantised: tight against the rounding of the very same values, bit for bit, and within the
    // format's step of exact arithmetic.
    Tensor codes(DType::f8_e4m3, {c.cached, dim}), scales(DType::f32, {c.cached});
    codes.poison();
    scales.poison();
    args.keys = codes;
    args.key_scales = scales;
    ops::append_index_keys({}, args);
    for (std::int64_t t = 0; t < c.tokens; ++t) {
      const std::int32_t slot = c.slots.data<std::int32_t>()[t];
      if (slot < 0) continue;
      const reference::Fp8Block block = reference::quantize_block(
          {keys.view().row<float>(slot), static_cast<std::size_t>(dim)}, true);
      CHECK(scales.data<float>()[slot] == block.scale);
      CHECK(
          std::equal(block.codes.begin(), block.codes.end(), codes.view().row<std::uint8_t>(slot)));
    }
    c.check(dequantised(codes, scales), 0.0626,
            [&](std::int64_t t) { return c.key_row(x, t, layout, hadamard); });
  }
}

TEST_CASE("append_index_keys refuses what does not fit") {
  DSABENCH_SEEDED(random);
  AppendCase c(random, 5, 12, 2);
  const Tensor x = random.normal_tensor({5, 12});
  Tensor keys(DType::f32, {c.cached, 12}), scales(DType::f32, {c.cached}),
      codes(DType::f8_e4m3, {c.cached, 12}), wide(DType::f32, {5, 7});
  ops::AppendIndexKeysArgs args{x, c.weight, c.bias, c.cos, c.sin, c.slots, keys, {}};
  REQUIRE_NOTHROW(ops::append_index_keys({}, args));
  Context ctx;
  SECTION("a slot beyond the cache") {
    c.slots.data<std::int32_t>()[3] = static_cast<std::int32_t>(c.cached);
  }
  SECTION("codes without scales") { args.keys = codes; }
  SECTION("scales beside exact keys") { args.key_scales = scales; }
  SECTION("a transform of a dim that is no power of two") { args.hadamard = true; }
  SECTION("more rotated values than there are") { args.cos = args.sin = wide; }
  SECTION("a bias of another length") { args.norm_bias = c.bias.view().rows(0, 7); }
  SECTION("another device") { ctx = cuda_context(); }
  CHECK_THROWS_AS(ops::append_index_keys(ctx, args), InvalidArgument);
}
