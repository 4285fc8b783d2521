#include "kernels/ops/scale.h"

#include "tests/kernels/device_views.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

namespace dsabench {

TEST_CASE("scale multiplies by the factor and, where there are any, by the scales") {
  DSABENCH_SEEDED(random);
  for (const bool scaled : {false, true}) {
    const std::int64_t rows = random.integer(1, 9), columns = random.integer(1, 40);
    const auto factor = static_cast<float>(random.normal());
    Tensor values = random.normal_tensor({rows, columns});
    const Tensor scales = random.normal_tensor({rows, columns});
    const auto before = test::to_doubles(values), by = test::to_doubles(scales);
    ops::scale({}, {values, scaled ? scales.view() : ConstTensorView(), factor});
    std::vector<double> expected;
    for (std::size_t i = 0; i < before.size(); ++i) {
      expected.push_back(before[i] * factor * (scaled ? by[i] : 1.0));
    }
    test::check_close(values.view(), expected, 1e-6);
  }
}

TEST_CASE("scale refuses what does not fit") {
  Tensor a(DType::f32, {3, 4}), wide(DType::f32, {3, 5}), half(DType::bf16, {3, 4});
  CHECK_THROWS_AS(ops::scale({}, {a, wide, 1.0f}), InvalidArgument);
  CHECK_THROWS_AS(ops::scale({}, {half, {}, 1.0f}), InvalidArgument);
  CHECK_THROWS_AS(ops::scale({}, {wide.view().columns(0, 4), {}, 1.0f}), InvalidArgument);
  CHECK_THROWS_AS(ops::scale({}, {test::on_cuda(a), {}, 1.0f}), InvalidArgument);
}

}  // namespace dsabench
