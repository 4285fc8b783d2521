#include "kernels/ops/fill_normal.h"

#include <cstring>

#include "tests/kernels/device_views.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"

namespace dsabench {

TEST_CASE("fill_normal writes the stream's numbers, scaled, from its beginning") {
  DSABENCH_SEEDED(random);
  const auto seed = static_cast<std::uint64_t>(random.integer(0, 1 << 30));
  const auto stream = static_cast<std::uint64_t>(random.integer(0, 1 << 30));
  const float scale = static_cast<float>(random.uniform(0.01, 3.0));
  Tensor out(DType::f32, {random.integer(1, 50), random.integer(1, 2000)});
  out.poison();
  ops::fill_normal({}, {out, seed, stream, scale});
  std::int64_t differing = 0;
  for (std::int64_t i = 0; i < out.view().num_elements(); ++i) {
    const float wanted =
        ops::normal_at(ops::normal_stream(seed, stream), static_cast<std::uint64_t>(i)) * scale;
    differing += std::memcmp(&wanted, out.data<float>() + i, sizeof wanted) == 0 ? 0 : 1;
  }
  CHECK(differing == 0);
}

TEST_CASE("fill_normal refuses what it cannot fill") {
  Tensor a(DType::f32, {3, 4}), half(DType::bf16, {3, 4});
  CHECK_THROWS_AS(ops::fill_normal({}, {{}, 1, 2, 1.0f}), InvalidArgument);
  CHECK_THROWS_AS(ops::fill_normal({}, {half, 1, 2, 1.0f}), InvalidArgument);
  CHECK_THROWS_AS(ops::fill_normal({}, {a.view().columns(0, 2), 1, 2, 1.0f}), InvalidArgument);
  CHECK_THROWS_AS(ops::fill_normal({}, {test::on_cuda(a), 1, 2, 1.0f}), InvalidArgument);
}

}  // namespace dsabench
