#include "kernels/ops/rope.h"

#include "kernels/reference/rope.h"
#include "tests/kernels/device_views.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

ops::YarnScaling deepseek_yarn() {
  ops::YarnScaling yarn;
  yarn.factor = 40.0;
  yarn.mscale = 1.0;
  yarn.mscale_all_dim = 1.0;
  return yarn;
}

double relative_error(const ops::RopeParams& params) {
  const auto got = ops::rope_frequencies(params).inv_freq;
  const auto want = reference::rope_inv_freq(params);
  REQUIRE(got.size() == want.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double error = std::fabs(got[i] / want[i] - 1.0);
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

/// Positions as every test needs them: the ends, and values between.
Tensor positions_up_to(test::Random& random, std::int64_t tokens, std::int64_t last) {
  Tensor positions = random.integer_tensor({tokens}, 0, last);
  positions.data<std::int32_t>()[0] = 0;
  if (tokens > 1) positions.data<std::int32_t>()[1] = static_cast<std::int32_t>(last);
  return positions;
}

}  // namespace

TEST_CASE("rope frequencies agree with their formulas, plain and with YaRN") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 100; ++round) {
    ops::RopeParams params;
    params.dim = 2 * random.integer(1, 64);
    params.theta = random.choice<double>({1e4, 1e6, 8e6, 50.0});
    if (round % 2 == 1) {
      ops::YarnScaling yarn;
      yarn.factor = random.uniform(1.0, 64.0);
      yarn.beta_fast = random.uniform(8.0, 64.0);
      yarn.beta_slow = random.uniform(0.5, 4.0);
      yarn.original_max_positions = random.choice<std::int64_t>({64, 2048, 4096, 32768});
      yarn.truncate = random.integer(0, 1) == 1;
      params.yarn = yarn;
    }
    CAPTURE(params.dim, params.theta, params.yarn.has_value());
    CHECK(relative_error(params) <= 1e-5);  // f32 powers of theta
  }
}

TEST_CASE("DeepSeek-V3.2's YaRN has its published ends and factors") {
  const ops::RopeParams params{64, 1e4, deepseek_yarn()};
  const auto frequencies = ops::rope_frequencies(params);
  CHECK(frequencies.magnitude == 1.0f);
  CHECK(std::fabs(ops::rope_softmax_factor(params) - 1.87385) < 1e-5);
  // The ramp runs from dimension 10 to 23: below it the plain frequency, above it 1/40 of it.
  const ops::RopeParams plain{64, 1e4, {}};
  const auto unscaled = ops::rope_frequencies(plain).inv_freq;
  for (std::size_t i = 0; i < 32; ++i) {
    CAPTURE(i);
    if (i <= 10) CHECK(frequencies.inv_freq[i] == unscaled[i]);
    if (i > 10 && i < 23) CHECK(frequencies.inv_freq[i] < unscaled[i]);
    if (i >= 23) CHECK(frequencies.inv_freq[i] == unscaled[i] / 40.0f);
  }
}

TEST_CASE("YaRN's magnitude: attention_factor, then both mscale keys, then the default") {
  ops::YarnScaling yarn;
  yarn.factor = 40.0;
  const auto magnitude = [&] { return ops::rope_frequencies({64, 1e4, yarn}).magnitude; };
  const auto m = [](double a) { return static_cast<float>(0.1 * a * std::log(40.0) + 1.0); };
  CHECK(magnitude() == m(1.0));
  yarn.mscale = 0.7;
  CHECK(magnitude() == m(1.0));
  CHECK(ops::rope_softmax_factor({64, 1e4, yarn}) == 1.0);
  yarn.mscale_all_dim = 0.0;
  CHECK(magnitude() == m(1.0));
  CHECK(ops::rope_softmax_factor({64, 1e4, yarn}) == 1.0);
  yarn.mscale_all_dim = 1.0;
  CHECK(std::fabs(magnitude() - m(0.7) / m(1.0)) < 1e-6f);
  yarn.attention_factor = 1.25;
  CHECK(magnitude() == 1.25f);
  yarn = {};
  yarn.factor = 0.5;
  CHECK(magnitude() == 1.0f);
}

TEST_CASE("a YaRN ramp whose ends meet is a step and not a division by zero") {
  ops::RopeParams params{2, 1e4, ops::YarnScaling{}};
  params.yarn->factor = 4.0;
  params.yarn->original_max_positions = 1;  // both ends at or below 0
  for (const float value : ops::rope_frequencies(params).inv_freq) CHECK(std::isfinite(value));
  params = {16, 1e4, ops::YarnScaling{}};
  params.yarn->beta_fast = params.yarn->beta_slow = 8.0;
  params.yarn->truncate = false;
  CHECK(relative_error(params) <= 1e-5);  // f32 powers of theta
}

TEST_CASE("rope rotates as double precision does, up to a position of a million") {
  DSABENCH_SEEDED(random);
  for (const auto layout : {ops::RopeLayout::interleaved, ops::RopeLayout::half_split}) {
    for (int round = 0; round < 15; ++round) {
      const std::int64_t tokens = random.integer(1, 9), heads = random.integer(1, 5),
                         dim = 2 * random.integer(1, 40), width = dim + random.integer(0, 7);
      CAPTURE(tokens, heads, dim, width, round);
      ops::RopeParams params{dim, 1e6, {}};
      if (round % 2 == 1) {
        params.yarn = deepseek_yarn();
        params.yarn->mscale_all_dim.reset();
      }
      const auto frequencies = ops::rope_frequencies(params);
      const Tensor positions = positions_up_to(random, tokens, 1'000'000);
      Tensor cos(DType::f32, {tokens, dim / 2}), sin(DType::f32, {tokens, dim / 2});
      cos.poison();
      sin.poison();
      ops::rope_angles({}, {&frequencies, positions, cos, sin});
      // The rotated part is the last of each head, as q_p is of q.
      Tensor q = random.normal_tensor({tokens, heads * width});
      const TensorView x = q.view().split_last(heads, width).columns(width - dim, dim);
      const Tensor before = q.clone();
      std::vector<double> want;
      for (std::int64_t t = 0; t < tokens; ++t) {
        for (std::int64_t h = 0; h < heads; ++h) {
          const auto row = reference::rope_row(
              {x.row<float>(t) + h * x.stride(1), static_cast<std::size_t>(dim)},
              positions.data<std::int32_t>()[t], frequencies.inv_freq, frequencies.magnitude,
              layout);
          want.insert(want.end(), row.begin(), row.end());
        }
      }
      ops::rope({}, {x, cos, sin, layout});
      test::check_close(x, want, 1e-6);
      const TensorView rest = q.view().split_last(heads, width).columns(0, width - dim);
      const ConstTensorView rest_before =
          before.view().split_last(heads, width).columns(0, width - dim);
      CHECK(test::compare(rest, rest_before).max_abs == 0.0);
    }
  }
}

TEST_CASE("rope refuses what does not fit") {
  CHECK_THROWS_AS(ops::rope_frequencies({7, 1e4, {}}), InvalidArgument);
  CHECK_THROWS_AS(ops::rope_frequencies({0, 1e4, {}}), InvalidArgument);
  CHECK_THROWS_AS(ops::rope_frequencies({8, 1.0, {}}), InvalidArgument);
  ops::RopeParams bad{8, 1e4, ops::YarnScaling{}};
  bad.yarn->factor = 0.0;
  CHECK_THROWS_AS(ops::rope_frequencies(bad), InvalidArgument);
  bad.yarn->factor = 2.0;
  bad.yarn->original_max_positions = 0;
  CHECK_THROWS_AS(ops::rope_frequencies(bad), InvalidArgument);

  Tensor x(DType::f32, {2, 1, 4}), odd(DType::f32, {2, 1, 3}), angles(DType::f32, {2, 2}),
      wrong(DType::f32, {2, 3}), positions(DType::i32, {2}), long_positions(DType::i64, {2});
  CHECK_THROWS_AS(ops::rope({}, {odd, angles, angles}), InvalidArgument);
  CHECK_THROWS_AS(ops::rope({}, {x, wrong, angles}), InvalidArgument);
  CHECK_THROWS_AS(ops::rope({}, {x, angles, wrong}), InvalidArgument);
  CHECK_THROWS_AS(ops::rope(test::cuda_context(), {x, angles, angles}), InvalidArgument);
  const auto frequencies = ops::rope_frequencies({4, 1e4, {}});
  CHECK_THROWS_AS(ops::rope_angles({}, {nullptr, positions, angles, angles}), InvalidArgument);
  CHECK_THROWS_AS(ops::rope_angles({}, {&frequencies, long_positions, angles, angles}),
                  InvalidArgument);
  CHECK_THROWS_AS(ops::rope_angles({}, {&frequencies, positions, wrong, angles}), InvalidArgument);
}

}  // namespace dsabench
