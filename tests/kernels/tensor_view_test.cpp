#include "kernels/base/tensor_view.h"

#include "tests/support/catch.h"

using namespace dsabench;

TEST_CASE("rows are aligned where the first element and every step between rows is") {
  alignas(64) std::byte memory[4096];
  const ConstTensorView whole(memory, DType::bf16, {4, 8, 16});
  CHECK(whole.rows_aligned(32));
  CHECK_FALSE(whole.rows_aligned(64));  // the step of the second dimension
  const ConstTensorView some = whole.columns(8, 4);
  CHECK(some.rows_aligned(16));
  CHECK_FALSE(some.rows_aligned(32));  // the first element
  CHECK_FALSE(ConstTensorView(memory, DType::f8_e4m3, {2, 24}).rows_aligned(16));
  CHECK(ConstTensorView(memory, DType::f32, {2, 24}).rows_aligned(16));
  CHECK(ConstTensorView(memory, DType::f8_e4m3, {7}).rows_aligned(16));  // no step is asked of it
  CHECK(ConstTensorView().rows_aligned(16));
}
