#include "kernels/ops/layer_norm.h"

#include "kernels/reference/norm.h"
#include "tests/kernels/device_views.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

namespace dsabench {

TEST_CASE("layer_norm agrees with double precision on ragged and strided rows") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 30; ++round) {
    const std::int64_t tokens = random.integer(1, 17);
    const std::int64_t dim = random.choice<std::int64_t>({1, 2, 63, 64, 128, 3000});
    CAPTURE(tokens, dim);
    test::StridedMatrix x(DType::f32, tokens, dim), out(DType::f32, tokens, dim, 1, 2);
    random.fill_normal(x.storage());
    // A mean well above the spread: the variance must be taken about it, not by E[x^2] - E[x]^2.
    float* data = x.storage().data<float>();
    for (std::int64_t i = 0; i < x.storage().view().num_elements(); ++i) data[i] += 30.0f;
    const Tensor weight = random.normal_tensor({dim}), bias = random.normal_tensor({dim});
    const float eps = 1e-3f;
    std::vector<double> want;
    const auto size = static_cast<std::size_t>(dim);
    for (std::int64_t t = 0; t < tokens; ++t) {
      const auto row =
          reference::layer_norm_row({x.view().row<float>(t), size}, {weight.data<float>(), size},
                                    {bias.data<float>(), size}, eps);
      want.insert(want.end(), row.begin(), row.end());
    }
    ops::layer_norm({}, {x.view(), weight, bias, out.view(), eps});
    // The mean is rounded to f32: 30 * 2^-24 beside a spread of 1 (or of sqrt(eps) where dim is 1).
    test::check_close(out.view(), want, 1e-4);
    CHECK(out.surroundings_intact());
    ops::layer_norm({}, {x.view(), weight, bias, x.view(), eps});
    test::check_close(x.view(), want, 1e-4);
  }
}

TEST_CASE("layer_norm is tight where the mean is small") {
  DSABENCH_SEEDED(random);
  const std::int64_t dim = 128;
  const Tensor x = random.normal_tensor({4, dim}), weight = random.normal_tensor({dim}),
               bias = random.normal_tensor({dim});
  Tensor out(DType::f32, {4, dim});
  out.poison();
  ops::layer_norm({}, {x, weight, bias, out});
  std::vector<double> want;
  for (std::int64_t t = 0; t < 4; ++t) {
    const auto row =
        reference::layer_norm_row({x.view().row<float>(t), 128}, {weight.data<float>(), 128},
                                  {bias.data<float>(), 128}, 1e-6f);
    want.insert(want.end(), row.begin(), row.end());
  }
  test::check_close(out, want, 1e-6);
}

TEST_CASE("layer_norm refuses what does not fit") {
  Tensor x(DType::f32, {3, 4}), weight(DType::f32, {4}), bias(DType::f32, {4}),
      out(DType::f32, {3, 4}), wrong(DType::f32, {5}), integers(DType::i32, {4});
  CHECK_THROWS_AS(ops::layer_norm({}, {x, wrong, bias, out}), InvalidArgument);
  CHECK_THROWS_AS(ops::layer_norm({}, {x, weight, wrong, out}), InvalidArgument);
  CHECK_THROWS_AS(ops::layer_norm({}, {x, weight, integers, out}), InvalidArgument);
  CHECK_THROWS_AS(ops::layer_norm({}, {x, weight, {}, out}), InvalidArgument);
  CHECK_THROWS_AS(ops::layer_norm({}, {x, weight, bias, wrong}), InvalidArgument);
  CHECK_THROWS_AS(ops::layer_norm(test::cuda_context(), {x, weight, bias, out}), InvalidArgument);
}

}  // namespace dsabench
