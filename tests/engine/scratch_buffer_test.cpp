#include "engine/scratch_buffer.h"

#include "tests/support/catch.h"

namespace dsabench::test {
namespace {

TEST_CASE("scratch grows to the largest request and is then reused") {
  ScratchBuffer scratch;
  const TensorView small = scratch.take(DType::f32, {3, 5});
  CHECK(small.shape_string() == "f32 [3, 5]");
  CHECK(small.is_contiguous());
  const TensorView large = scratch.take(DType::f32, {1000, 70});
  for (const std::int64_t rows : {1, 1000, 17}) {
    CHECK(scratch.take(DType::f32, {rows, 70}).raw() == large.raw());
  }
  const TensorView bytes = scratch.take(DType::f8_e4m3, {1000, 70, 4});
  CHECK(bytes.raw() == large.raw());
  CHECK(bytes.shape_string() == "f8_e4m3 [1000, 70, 4]");
  CHECK_FALSE(scratch.take(DType::i32, {0, 8}).empty());
}

}  // namespace
}  // namespace dsabench::test
