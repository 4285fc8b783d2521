#include "kernels/ops/rms_norm.h"

#include "kernels/reference/norm.h"
#include "tests/kernels/device_views.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

std::vector<double> expected(ConstTensorView x, const Tensor& weight, double eps) {
  std::vector<double> out;
  const auto dim = static_cast<std::size_t>(x.dim(1));
  for (std::int64_t t = 0; t < x.dim(0); ++t) {
    const auto row =
        reference::rms_norm_row({x.row<float>(t), dim}, {weight.data<float>(), dim}, eps);
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

}  // namespace

TEST_CASE("rms_norm agrees with double precision on ragged and strided rows") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 30; ++round) {
    const std::int64_t tokens = random.integer(1, 17);
    const std::int64_t dim = random.choice<std::int64_t>({1, 2, 63, 64, 65, 576, 3000});
    const float eps = random.choice<float>({1e-6f, 1e-5f, 0.5f});
    CAPTURE(tokens, dim, eps);
    test::StridedMatrix x(DType::f32, tokens, dim), out(DType::f32, tokens, dim, 1, 2);
    random.fill_normal(x.storage(), std::exp2(random.uniform(-6, 6)));
    const Tensor weight = random.normal_tensor({dim});
    const std::vector<double> want = expected(x.view(), weight, eps);
    ops::rms_norm({}, {x.view(), weight, out.view(), eps});
    test::check_close(out.view(), want, 2e-6);
    CHECK(out.surroundings_intact());

    ops::rms_norm({}, {x.view(), weight, x.view(), eps});
    test::check_close(x.view(), want, 2e-6);
  }
}

TEST_CASE("rms_norm of zeros is zero, and a NaN stays in its row") {
  Tensor x(DType::f32, {3, 20}), weight(DType::f32, {20}), out(DType::f32, {3, 20});
  std::fill_n(x.data<float>(), 60, 0.0f);
  std::fill_n(weight.data<float>(), 20, 2.0f);
  x.data<float>()[20 + 7] = std::numeric_limits<float>::quiet_NaN();
  out.poison();
  ops::rms_norm({}, {x, weight, out});
  for (int i = 0; i < 60; ++i) {
    CAPTURE(i);
    if (i / 20 == 1) {
      CHECK(std::isnan(out.data<float>()[i]));
    } else {
      CHECK(out.data<float>()[i] == 0.0f);
    }
  }
}

TEST_CASE("rms_norm refuses what does not fit") {
  Tensor x(DType::f32, {3, 4}), weight(DType::f32, {4}), out(DType::f32, {3, 4});
  Tensor wrong_rows(DType::f32, {2, 4}), wrong_weight(DType::f32, {5}), half(DType::bf16, {3, 4});
  CHECK_THROWS_AS(ops::rms_norm({}, {x, wrong_weight, out}), InvalidArgument);
  CHECK_THROWS_AS(ops::rms_norm({}, {x, weight, wrong_rows}), InvalidArgument);
  CHECK_THROWS_AS(ops::rms_norm({}, {half, weight, out}), InvalidArgument);
  CHECK_THROWS_AS(ops::rms_norm({}, {x, {}, out}), InvalidArgument);
  CHECK_THROWS_AS(ops::rms_norm(test::cuda_context(), {x, weight, out}), InvalidArgument);
}

}  // namespace dsabench
