/// The operators that append to the caches, on CUDA: against their definitions in double precision,
/// and bit for bit against the operators that they fuse.
#include <cstring>

#include "kernels/ops/fp8_latents.h"
#include "kernels/ops/layer_norm.h"
#include "kernels/ops/quantize_fp8.h"
#include "tests/kernels/append_case.h"
#include "tests/support/cuda_test.h"

using namespace dsabench;
using namespace dsabench::test;

namespace {

/// A case on the device.
struct CudaAppend {
  CudaAppend(CudaTest& gpu, const AppendCase& c, DType dtype)
      : slots(gpu.put(c.slots)),
        cos(gpu.put(c.cos)),
        sin(gpu.put(c.sin)),
        weight(gpu.put(c.weight, dtype)),
        bias(gpu.put(c.bias, dtype)) {}
  TensorView slots, cos, sin, weight, bias;
};

AppendCase rounded_case(Random& random, DType dtype, std::int64_t dim, std::int64_t pairs) {
  AppendCase c(random, random.integer(1, 60), dim, pairs);
  round_to(dtype, c.weight);
  round_to(dtype, c.bias);
  return c;
}

bool same_row(const Tensor& a, std::int64_t row_a, const Tensor& b, std::int64_t row_b) {
  const TensorView x = const_cast<Tensor&>(a).view().rows(row_a, 1);
  const TensorView y = const_cast<Tensor&>(b).view().rows(row_b, 1);
  return std::memcmp(x.raw(), y.raw(), static_cast<std::size_t>(x.bytes())) == 0;
}

}  // namespace

TEST_CASE("cuda: append_latents writes each row's norm and rotation to its slot") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kActivationTypes) {
    for (int trial = 0; trial < 8; ++trial) {
      const std::int64_t latent = random.choice<std::int64_t>({1, 33, 512});
      const std::int64_t pairs = random.choice<std::int64_t>({1, 8, 32});
      const AppendCase c = rounded_case(random, dtype, latent, pairs);
      CAPTURE(dtype_name(dtype), c.tokens, c.cached, latent, pairs);
      CudaTest gpu;
      const CudaAppend on(gpu, c, dtype);
      Tensor x = random.normal_tensor({c.tokens, latent + 2 * pairs});
      round_to(dtype, x);
      const TensorView from = gpu.put(x, dtype);
      const CudaRows cache(gpu, dtype, c.cached, latent + 2 * pairs, 8, 8);
      const auto append = [&](TensorView to) {
        ops::append_latents(gpu.ctx, {from, on.weight, on.cos, on.sin, on.slots, to,
                                      static_cast<float>(AppendCase::kLatentEps)});
      };
      append(cache.view());
      const Tensor got = cache.get();
      CHECK(cache.surroundings_intact());
      c.check(got, dtype == DType::bf16 ? 4e-3 : 3e-6,
              [&](std::int64_t t) { return c.latent_row(x, t); });
      const TensorView again = gpu.make(dtype, {c.cached, latent + 2 * pairs});
      check_repeats(gpu, again, [&] { append(again); });

      ops::rope(gpu.ctx, {from.columns(latent, 2 * pairs).split_last(1, 2 * pairs), on.cos, on.sin,
                          ops::RopeLayout::interleaved});
      const Tensor by_rope = gpu.get(from);
      for (std::int64_t t = 0; t < c.tokens; ++t) {
        const std::int32_t slot = c.slots.data<std::int32_t>()[t];
        if (slot < 0) continue;
        const float* row = got.view().row<float>(slot);
        CHECK(std::equal(row + latent, row + latent + 2 * pairs,
                         by_rope.view().row<float>(t) + latent));
      }
    }
  }
}

TEST_CASE("cuda: append_latents writes rows of the fp8 cache: the rounding of the same values") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kActivationTypes) {
    for (int trial = 0; trial < 6; ++trial) {
      const std::int64_t latent = random.choice<std::int64_t>({1, 33, 129, 512});
      const std::int64_t pairs = random.choice<std::int64_t>({1, 8, 32});
      const std::int64_t width = latent + 2 * pairs;
      const AppendCase c = rounded_case(random, dtype, latent, pairs);
      CAPTURE(dtype_name(dtype), c.tokens, c.cached, latent, pairs);
      CudaTest gpu;
      const CudaAppend on(gpu, c, dtype);
      Tensor x = random.normal_tensor({c.tokens, width}, 4.0);
      round_to(dtype, x);
      const TensorView from = gpu.put(x, dtype);
      const TensorView exact = gpu.make(dtype, {c.cached, width});
      const TensorView codes =
          gpu.make(DType::u8, {c.cached, ops::Fp8LatentRow{latent, 2 * pairs}.bytes()});
      const auto append = [&](TensorView to) {
        ops::append_latents(gpu.ctx, {from, on.weight, on.cos, on.sin, on.slots, to,
                                      static_cast<float>(AppendCase::kLatentEps)});
      };
      append(exact);
      append(codes);
      const Tensor values = gpu.get(exact), rows = gpu.bytes(codes);
      for (std::int64_t t = 0; t < c.tokens; ++t) {
        const std::int32_t slot = c.slots.data<std::int32_t>()[t];
        if (slot < 0) continue;
        const auto want = reference::fp8_latent_row(
            {values.view().row<float>(slot), static_cast<std::size_t>(width)}, latent);
        const auto* got = rows.view().row<std::uint8_t>(slot);
        CAPTURE(t, slot);
        CHECK(std::vector<std::uint8_t>(got, got + rows.dim(1)) == want);
      }
      check_repeats(gpu, codes, [&] { append(codes); });
    }
  }
}

TEST_CASE("cuda: append_index_keys writes what the operators that it fuses make") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kActivationTypes) {
    for (int trial = 0; trial < 12; ++trial) {
      const std::int64_t dim = random.choice<std::int64_t>({16, 128, 256});
      const std::int64_t pairs = random.choice<std::int64_t>({1, 3, 8});
      const bool hadamard = trial % 2 == 1, fp8 = trial % 4 >= 2;
      const auto layout =
          trial % 3 == 0 ? ops::RopeLayout::interleaved : ops::RopeLayout::half_split;
      const AppendCase c = rounded_case(random, dtype, dim, pairs);
      CAPTURE(dtype_name(dtype), c.tokens, c.cached, dim, pairs, hadamard, fp8);
      CudaTest gpu;
      const CudaAppend on(gpu, c, dtype);
      Tensor x = random.normal_tensor({c.tokens, dim}, 3.0);
      round_to(dtype, x);
      const TensorView from = gpu.put(x, dtype);
      const TensorView keys = gpu.make(fp8 ? DType::f8_e4m3 : dtype, {c.cached, dim});
      const TensorView scales = gpu.make(DType::f32, {c.cached});
      const ops::AppendIndexKeysArgs args{.x = from,
                                          .norm_weight = on.weight,
                                          .norm_bias = on.bias,
                                          .cos = on.cos,
                                          .sin = on.sin,
                                          .slots = on.slots,
                                          .keys = keys,
                                          .key_scales = fp8 ? scales : TensorView(),
                                          .eps = static_cast<float>(AppendCase::kKeyEps),
                                          .rope_layout = layout,
                                          .hadamard = hadamard};
      ops::append_index_keys(gpu.ctx, args);
      const Tensor got = gpu.bytes(keys), got_scales = gpu.bytes(scales);
      c.check(fp8 ? dequantised(got, got_scales) : gpu.get(keys),
              fp8                    ? 0.08
              : dtype == DType::bf16 ? 1.5e-2
                                     : 5e-6,
              [&](std::int64_t t) { return c.key_row(x, t, layout, hadamard); });
      check_repeats(gpu, keys, [&] { ops::append_index_keys(gpu.ctx, args); });

      const TensorView steps = gpu.make(dtype, {c.tokens, dim});
      ops::layer_norm(gpu.ctx, {from, on.weight, on.bias, steps, args.eps});
      ops::rope(gpu.ctx,
                {steps.columns(0, 2 * pairs).split_last(1, 2 * pairs), on.cos, on.sin, layout});
      if (hadamard) ops::hadamard(gpu.ctx, {steps});
      const TensorView codes = gpu.make(DType::f8_e4m3, {c.tokens, dim});
      const TensorView code_scales = gpu.make(DType::f32, {c.tokens, 1});
      if (fp8) ops::quantize_fp8(gpu.ctx, {steps, codes, code_scales, dim, true});
      const Tensor want = gpu.bytes(fp8 ? codes : steps), want_scales = gpu.bytes(code_scales);
      for (std::int64_t t = 0; t < c.tokens; ++t) {
        const std::int32_t slot = c.slots.data<std::int32_t>()[t];
        if (slot < 0) continue;
        CHECK(same_row(got, slot, want, t));
        if (fp8) CHECK(got_scales.data<float>()[slot] == want_scales.data<float>()[t]);
      }
    }
  }
}

TEST_CASE("cuda: a slot beyond the cache is not written") {
  DSABENCH_SEEDED(random);
  AppendCase c(random, 6, 16, 2);
  c.slots.data<std::int32_t>()[2] = static_cast<std::int32_t>(c.cached);
  c.slots.data<std::int32_t>()[4] = -7;
  CudaTest gpu;
  const CudaAppend on(gpu, c, DType::f32);
  const TensorView x = gpu.put(random.normal_tensor({6, 20}));
  const TensorView cache = gpu.make(DType::f32, {c.cached + 1, 20});
  ops::append_latents(gpu.ctx,
                      {x, on.weight, on.cos, on.sin, on.slots, cache.rows(0, c.cached), 1e-6f});
  const Tensor got = gpu.get(cache);
  CHECK(std::isnan(got.view().row<float>(c.cached)[0]));
}
