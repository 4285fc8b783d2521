#include "kernels/ops/swiglu.h"

#include "kernels/reference/activation.h"
#include "tests/kernels/device_views.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

namespace dsabench {

TEST_CASE("swiglu agrees with double precision on the halves of one buffer") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 30; ++round) {
    const std::int64_t tokens = random.integer(1, 9),
                       dim = random.choice<std::int64_t>({1, 3, 16, 100, 1536, 9000});
    CAPTURE(tokens, dim);
    Tensor both = random.normal_tensor({tokens, 2 * dim}, 4.0);
    const TensorView gate = both.view().columns(0, dim), up = both.view().columns(dim, dim);
    std::vector<double> want;
    const auto size = static_cast<std::size_t>(dim);
    for (std::int64_t t = 0; t < tokens; ++t) {
      const auto row = reference::swiglu_row({gate.row<float>(t), size}, {up.row<float>(t), size});
      want.insert(want.end(), row.begin(), row.end());
    }
    test::StridedMatrix out(DType::f32, tokens, dim);
    ops::swiglu({}, {gate, up, out.view()});
    test::check_close(out.view(), want, 1e-6);
    CHECK(out.surroundings_intact());
    ops::swiglu({}, {gate, up, gate});
    test::check_close(gate, want, 1e-6);
  }
}

TEST_CASE("swiglu refuses what does not fit") {
  Tensor gate(DType::f32, {3, 4}), up(DType::f32, {3, 4}), wrong(DType::f32, {4, 3}),
      half(DType::f16, {3, 4});
  CHECK_THROWS_AS(ops::swiglu({}, {gate, wrong, gate}), InvalidArgument);
  CHECK_THROWS_AS(ops::swiglu({}, {gate, up, wrong}), InvalidArgument);
  CHECK_THROWS_AS(ops::swiglu({}, {gate, half, gate}), InvalidArgument);
  CHECK_THROWS_AS(ops::swiglu({}, {gate, up, {}}), InvalidArgument);
  CHECK_THROWS_AS(ops::swiglu(test::cuda_context(), {gate, up, gate}), InvalidArgument);
}

}  // namespace dsabench
