#include "kernels/ops/copy_rows.h"

#include "tests/kernels/device_views.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

namespace dsabench {

TEST_CASE("copy_rows moves rows between strided matrices and nothing else") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 20; ++round) {
    const std::int64_t rows = random.integer(1, 9),
                       columns = random.choice<std::int64_t>({1, 7, 64});
    CAPTURE(rows, columns);
    test::StridedMatrix from(DType::f32, rows, columns, 2, 3), to(DType::f32, rows, columns, 5, 1);
    Tensor values = random.normal_tensor({rows, columns});
    ops::copy_rows({}, {values, from.view()});
    ops::copy_rows({}, {from.view(), to.view()});
    CHECK(test::to_doubles(to.view()) == test::to_doubles(values));
    CHECK(to.surroundings_intact());
    CHECK(from.surroundings_intact());
  }
}

TEST_CASE("copy_rows refuses what does not fit") {
  Tensor a(DType::f32, {3, 4}), wide(DType::f32, {3, 5}), half(DType::bf16, {3, 4});
  CHECK_THROWS_AS(ops::copy_rows({}, {a, wide}), InvalidArgument);
  CHECK_THROWS_AS(ops::copy_rows({}, {a, half}), InvalidArgument);
  CHECK_THROWS_AS(ops::copy_rows({}, {half, a}), InvalidArgument);
  CHECK_THROWS_AS(ops::copy_rows({}, {{}, a}), InvalidArgument);
  CHECK_THROWS_AS(ops::copy_rows({}, {test::on_cuda(a), a}), InvalidArgument);
}

}  // namespace dsabench
