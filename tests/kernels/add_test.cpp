#include "kernels/ops/add.h"

#include "tests/kernels/device_views.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

namespace dsabench {

TEST_CASE("add accumulates into the residual stream") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 20; ++round) {
    const std::int64_t tokens = random.integer(1, 9),
                       dim = random.choice<std::int64_t>({1, 5, 64, 5000});
    CAPTURE(tokens, dim);
    Tensor residual = random.normal_tensor({tokens, dim});
    const Tensor update = random.normal_tensor({tokens, dim});
    const std::vector<double> before = test::to_doubles(residual), delta = test::to_doubles(update);
    ops::add({}, {residual, update});
    const std::vector<double> after = test::to_doubles(residual);
    for (std::size_t i = 0; i < after.size(); ++i) {
      REQUIRE(after[i] == static_cast<float>(before[i] + delta[i]));
    }
  }
}

TEST_CASE("add refuses what does not fit") {
  Tensor residual(DType::f32, {3, 4}), update(DType::f32, {3, 5}), half(DType::bf16, {3, 4});
  CHECK_THROWS_AS(ops::add({}, {residual, update}), InvalidArgument);
  CHECK_THROWS_AS(ops::add({}, {residual, half}), InvalidArgument);
  CHECK_THROWS_AS(ops::add({}, {residual, {}}), InvalidArgument);
  CHECK_THROWS_AS(ops::add(test::cuda_context(), {residual, residual}), InvalidArgument);
  const TensorView device = test::on_cuda(residual);
  CHECK_THROWS_AS(ops::add({}, {device, device}), InvalidArgument);
}

}  // namespace dsabench
