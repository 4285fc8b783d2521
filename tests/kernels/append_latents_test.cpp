#include "kernels/ops/append_latents.h"

#include "kernels/ops/fp8_latents.h"
#include "tests/kernels/append_case.h"
#include "tests/kernels/device_views.h"

using namespace dsabench;
using namespace dsabench::test;

TEST_CASE("append_latents writes each row's norm and rotation to its slot and nothing else") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 20; ++round) {
    const std::int64_t latent = random.choice<std::int64_t>({1, 16, 65, 512});
    const std::int64_t pairs = random.choice<std::int64_t>({1, 8, 32});
    const AppendCase c(random, random.integer(1, 60), latent, pairs);
    CAPTURE(c.tokens, c.cached, latent, pairs);
    StridedMatrix x(DType::f32, c.tokens, latent + 2 * pairs);
    StridedMatrix cache(DType::f32, c.cached, latent + 2 * pairs);
    const Tensor values = random.normal_tensor({c.tokens, latent + 2 * pairs});
    for (std::int64_t t = 0; t < c.tokens; ++t) {
      std::copy_n(values.view().row<float>(t), values.dim(1), x.view().row<float>(t));
    }
    ops::append_latents({}, {x.view(), c.weight, c.cos, c.sin, c.slots, cache.view(),
                             static_cast<float>(AppendCase::kLatentEps)});
    CHECK(cache.surroundings_intact());
    c.check(cache.view(), 3e-6, [&](std::int64_t t) { return c.latent_row(values, t); });
  }
}

TEST_CASE("append_latents writes rows of the fp8 cache: the rounding of the very same values") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 12; ++round) {
    const std::int64_t latent = random.choice<std::int64_t>({1, 33, 128, 129, 512});
    const std::int64_t pairs = random.choice<std::int64_t>({1, 8, 32});
    const std::int64_t width = latent + 2 * pairs;
    const AppendCase c(random, random.integer(1, 60), latent, pairs);
    CAPTURE(c.tokens, c.cached, latent, pairs);
    const Tensor x = random.normal_tensor({c.tokens, width}, 4.0);
    const std::int64_t bytes = ops::Fp8LatentRow{latent, 2 * pairs}.bytes();
    if (latent == 512 && pairs == 32) CHECK(bytes == 656);
    Tensor exact(DType::f32, {c.cached, width}), codes(DType::u8, {c.cached, bytes});
    exact.poison();
    codes.poison();
    const auto eps = static_cast<float>(AppendCase::kLatentEps);
    ops::append_latents({}, {x, c.weight, c.cos, c.sin, c.slots, exact, eps});
    ops::append_latents({}, {x, c.weight, c.cos, c.sin, c.slots, codes, eps});
    Tensor values(DType::f32, {c.cached, width});
    for (std::int64_t r = 0; r < c.cached; ++r) {
      const auto* row = codes.view().row<std::uint8_t>(r);
      const auto left =
          reference::fp8_latent_values({row, static_cast<std::size_t>(bytes)}, latent, 2 * pairs);
      std::copy(left.begin(), left.end(), values.view().row<float>(r));
      if (std::isnan(exact.view().row<float>(r)[0])) continue;
      const auto want = reference::fp8_latent_row(
          {exact.view().row<float>(r), static_cast<std::size_t>(width)}, latent);
      CAPTURE(r);
      CHECK(std::equal(want.begin(), want.end(), row, row + bytes));
    }
    // And against exact arithmetic: half a step of the format, of the latent or the rotated part.
    c.check(values, 0.0626, [&](std::int64_t t) { return c.latent_row(x, t); });
  }
}

TEST_CASE("append_latents refuses what does not fit") {
  DSABENCH_SEEDED(random);
  AppendCase c(random, 5, 8, 2);
  const Tensor x = random.normal_tensor({5, 12});
  Tensor cache(DType::f32, {c.cached, 12}), narrow(DType::f32, {c.cached, 11}),
      bytes(DType::u8, {c.cached, 17});
  ops::AppendLatentsArgs args{x, c.weight, c.cos, c.sin, c.slots, cache, 1e-6f};
  REQUIRE_NOTHROW(ops::append_latents({}, args));
  Context ctx;
  SECTION("a slot beyond the cache") {
    c.slots.data<std::int32_t>()[3] = static_cast<std::int32_t>(c.cached);
  }
  SECTION("a negative slot") { c.slots.data<std::int32_t>()[3] = -2; }
  SECTION("another number of slots") { args.slots = c.slots.view().rows(0, 4); }
  SECTION("a cache of another width") { args.latents = narrow; }
  SECTION("an fp8 cache of another width") { args.latents = bytes; }
  SECTION("a weight of another length") { args.weight = c.weight.view().rows(0, 7); }
  SECTION("angles of other rows") { args.sin = c.sin.view().rows(0, 4); }
  SECTION("another device") { ctx = cuda_context(); }
  CHECK_THROWS_AS(ops::append_latents(ctx, args), InvalidArgument);
}
