#include "engine/model/tensor_conversion.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/base/float_formats.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"

namespace dsabench::test {
namespace {

bool same_bits(float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0; }

/// The tensor's bytes at an odd address.
struct Misaligned {
  explicit Misaligned(const Tensor& tensor)
      : storage(std::size_t(tensor.bytes()) + 1),
        view((std::memcpy(storage.data() + 1, tensor.view().raw(), std::size_t(tensor.bytes())),
              storage.data() + 1),
             tensor.dtype(), tensor.shape()) {}
  std::vector<std::byte> storage;
  ConstTensorView view;
};

}  // namespace

TEST_CASE("tensor_conversion: every format at any alignment") {
  DSABENCH_SEEDED(random);
  const std::int64_t count = random.integer(70000, 140000);  // more than one chunk
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16, DType::f8_e4m3, DType::f8_e8m0}) {
    CAPTURE(dtype_name(dtype));
    Tensor source(dtype, {count});
    auto* bytes = reinterpret_cast<std::uint8_t*>(source.view().raw());
    for (std::int64_t i = 0; i < source.bytes(); ++i) bytes[i] = random.integer(0, 255);
    const Misaligned odd(source);
    Tensor result(DType::f32, {count});
    result.poison();
    copy_as_f32(odd.view, result.data<float>());
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const float found = result.data<float>()[i];
      float expected = 0.0f;
      if (dtype == DType::f32) expected = source.data<float>()[i];
      if (dtype == DType::bf16) expected = bf16_to_f32(source.data<std::uint16_t>()[i]);
      if (dtype == DType::f16) expected = f16_to_f32(source.data<std::uint16_t>()[i]);
      if (dtype == DType::f8_e4m3) expected = e4m3_to_f32(bytes[i]);
      if (dtype == DType::f8_e8m0) expected = e8m0_to_f32(bytes[i]);
      const bool both_nan = std::isnan(expected) && std::isnan(found);
      if (!both_nan && !same_bits(expected, found)) ++wrong;
    }
    CHECK(wrong == 0);
  }
  Tensor integers(DType::i32, {3});
  float unused[3];
  CHECK_THROWS_AS(copy_as_f32(integers, unused), InvalidArgument);
}

TEST_CASE("tensor_conversion: FP8 blocks, the last ones partial") {
  DSABENCH_SEEDED(random);
  for (const bool power_of_two : {false, true}) {
    const std::int64_t block_rows = random.integer(1, 130), block_columns = random.integer(1, 130);
    const std::int64_t rows = 576, columns = random.integer(1, 300);
    const std::int64_t down = (rows + block_rows - 1) / block_rows;
    const std::int64_t across = (columns + block_columns - 1) / block_columns;
    CAPTURE(block_rows, block_columns, columns);
    Tensor codes(DType::f8_e4m3, {rows, columns});
    auto* code = codes.data<std::uint8_t>();
    for (std::int64_t i = 0; i < rows * columns; ++i) code[i] = random.integer(0, 0x7e);
    Tensor scales(power_of_two ? DType::f8_e8m0 : DType::f32, {down, across});
    std::vector<float> scale;
    for (std::int64_t i = 0; i < down * across; ++i) {
      if (power_of_two) {
        scales.data<std::uint8_t>()[i] = random.integer(100, 150);
        scale.push_back(e8m0_to_f32(scales.data<std::uint8_t>()[i]));
      } else {
        scales.data<float>()[i] = random.uniform(0.001, 2.0);
        scale.push_back(scales.data<float>()[i]);
      }
    }
    Tensor result(DType::f32, {rows, columns});
    result.poison();
    dequantize_blocks(Misaligned(codes).view, Misaligned(scales).view, block_rows, block_columns,
                      result.data<float>());
    std::int64_t wrong = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < columns; ++c) {
        const float expected = e4m3_to_f32(code[r * columns + c]) *
                               scale[std::size_t(r / block_rows * across + c / block_columns)];
        if (!same_bits(expected, result.data<float>()[r * columns + c])) ++wrong;
      }
    }
    CHECK(wrong == 0);
    const Tensor other(DType::f32, {down + 1, across});
    CHECK_THROWS_AS(
        dequantize_blocks(codes, other, block_rows, block_columns, result.data<float>()),
        InvalidArgument);
  }
}

}  // namespace dsabench::test
