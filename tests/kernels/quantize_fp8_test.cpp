#include "kernels/ops/quantize_fp8.h"

#include <bit>

#include "kernels/base/float_formats.h"
#include "kernels/reference/fp8.h"
#include "tests/kernels/device_views.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

namespace dsabench {

TEST_CASE("quantize_fp8 equals the search over all codes bit for bit") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 60; ++round) {
    const std::int64_t rows = random.integer(1, 5),
                       dim = random.choice<std::int64_t>({1, 5, 64, 128, 130, 300}),
                       block = random.choice<std::int64_t>({1, 3, 64, 128, 1000});
    const bool power_of_two = random.integer(0, 1) == 1;
    CAPTURE(rows, dim, block, power_of_two);
    const std::int64_t blocks = (dim + block - 1) / block;
    test::StridedMatrix x(DType::f32, rows, dim), out(DType::f8_e4m3, rows, dim),
        scales(DType::f32, rows, blocks);
    random.fill_normal(x.storage(), std::exp2(random.uniform(-20, 20)));
    ops::quantize_fp8({}, {x.view(), out.view(), scales.view(), block, power_of_two});
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t b = 0; b < blocks; ++b) {
        const std::int64_t begin = b * block, count = std::min(block, dim - begin);
        const auto want = reference::quantize_block(
            {x.view().row<float>(r) + begin, static_cast<std::size_t>(count)}, power_of_two);
        CHECK(scales.view().row<float>(r)[b] == want.scale);
        CHECK(std::equal(want.codes.begin(), want.codes.end(),
                         out.view().row<std::uint8_t>(r) + begin));
      }
    }
    CHECK(out.surroundings_intact());
    CHECK(scales.surroundings_intact());
  }
}

TEST_CASE("the power-of-two scale is exact at and beside 448 * 2^k, and has its floor") {
  for (int k = -20; k <= 100; ++k) {
    const float edge = std::ldexp(448.0f, k);
    for (const float value : {edge, std::nextafter(edge, 0.0f), std::nextafter(edge, 3e38f)}) {
      CAPTURE(k, value);
      Tensor x(DType::f32, {1, 1}), out(DType::f8_e4m3, {1, 1}), scales(DType::f32, {1, 1});
      x.data<float>()[0] = -value;
      ops::quantize_fp8({}, {x, out, scales, 1, true});
      CHECK(scales.data<float>()[0] == std::ldexp(1.0f, value > edge ? k + 1 : k));
      CHECK(out.data<std::uint8_t>()[0] == (value > edge ? 0xf6 : 0xfe));
    }
  }
  Tensor x(DType::f32, {1, 4}), out(DType::f8_e4m3, {1, 4}), scales(DType::f32, {1, 1});
  std::fill_n(x.data<float>(), 4, 0.0f);
  ops::quantize_fp8({}, {x, out, scales, 4, true});
  CHECK(scales.data<float>()[0] == 0x1p-22f);  // 2^ceil(log2(1e-4 / 448))
  for (int i = 0; i < 4; ++i) CHECK(out.data<std::uint8_t>()[i] == 0);
}

TEST_CASE("a block that holds NaN or infinity shows it, the next block does not") {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Tensor x(DType::f32, {1, 8}), out(DType::f8_e4m3, {1, 8}), scales(DType::f32, {1, 2});
    std::fill_n(x.data<float>(), 8, 1.0f);
    x.data<float>()[2] = bad;
    ops::quantize_fp8({}, {x, out, scales, 4, true});
    CHECK(std::isnan(scales.data<float>()[0]));
    for (int i = 0; i < 4; ++i) CHECK(std::isnan(e4m3_to_f32(out.data<std::uint8_t>()[i])));
    CHECK(scales.data<float>()[1] == 0x1p-8f);
    CHECK(e4m3_to_f32(out.data<std::uint8_t>()[5]) == 256.0f);
  }
}

TEST_CASE("dequantize_fp8 multiplies partial edge blocks by their own scale") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 30; ++round) {
    const std::int64_t rows = random.integer(1, 300), columns = random.integer(1, 300),
                       block_rows = random.choice<std::int64_t>({1, 7, 128}),
                       block_columns = random.choice<std::int64_t>({1, 5, 128});
    CAPTURE(rows, columns, block_rows, block_columns);
    Tensor q(DType::f8_e4m3, {rows, columns});
    for (std::int64_t i = 0; i < rows * columns; ++i) {
      q.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(random.integer(0, 0x7e));
    }
    const Tensor scales = random.normal_tensor(
        {(rows + block_rows - 1) / block_rows, (columns + block_columns - 1) / block_columns});
    test::StridedMatrix out(DType::f32, rows, columns);
    ops::dequantize_fp8({}, {q, scales, out.view(), block_rows, block_columns});
    std::vector<double> want;
    for (std::int64_t o = 0; o < rows; ++o) {
      for (std::int64_t i = 0; i < columns; ++i) {
        const float scale = scales.view().row<float>(o / block_rows)[i / block_columns];
        want.push_back(static_cast<float>(
            reference::e4m3_value(q.data<std::uint8_t>()[o * columns + i]) * scale));
      }
    }
    CHECK(test::compare(out.view(), want).max_abs == 0.0);
    CHECK(out.surroundings_intact());
  }
}

TEST_CASE("hadamard agrees with the matrix and is its own inverse") {
  DSABENCH_SEEDED(random);
  for (const std::int64_t dim : {1, 2, 4, 8, 64, 128, 512}) {
    const std::int64_t rows = random.integer(1, 7);
    CAPTURE(dim, rows);
    test::StridedMatrix x(DType::f32, rows, dim);
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t i = 0; i < dim; ++i) {
        x.view().row<float>(r)[i] = static_cast<float>(random.normal());
      }
    }
    const std::vector<double> before = test::to_doubles(x.view());
    std::vector<double> want;
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto row =
          reference::hadamard_row({x.view().row<float>(r), static_cast<std::size_t>(dim)});
      want.insert(want.end(), row.begin(), row.end());
    }
    ops::hadamard({}, {x.view()});
    test::check_close(x.view(), want, 1e-6);
    CHECK(x.surroundings_intact());
    ops::hadamard({}, {x.view()});
    test::check_close(x.view(), before, 2e-6);
  }
}

TEST_CASE("the FP8 operators refuse what does not fit") {
  Tensor x(DType::f32, {3, 8}), q(DType::f8_e4m3, {3, 8}), scales(DType::f32, {3, 2}),
      odd(DType::f32, {3, 6});
  CHECK_THROWS_AS(ops::quantize_fp8({}, {x, q, scales, 0, true}), InvalidArgument);
  CHECK_THROWS_AS(ops::quantize_fp8({}, {x, q, scales, 8, true}), InvalidArgument);
  CHECK_THROWS_AS(ops::quantize_fp8({}, {x, x, scales, 4, true}), InvalidArgument);
  CHECK_THROWS_AS(ops::quantize_fp8({}, {odd, q, scales, 4, true}), InvalidArgument);
  CHECK_THROWS_AS(ops::quantize_fp8(test::cuda_context(), {x, q, scales, 4, true}),
                  InvalidArgument);
  CHECK_THROWS_AS(ops::dequantize_fp8({}, {q, scales, x, 0, 4}), InvalidArgument);
  CHECK_THROWS_AS(ops::dequantize_fp8({}, {q, scales, x, 3, 4}), InvalidArgument);
  CHECK_THROWS_AS(ops::dequantize_fp8({}, {q, scales, odd, 1, 4}), InvalidArgument);
  CHECK_THROWS_AS(ops::hadamard({}, {odd}), InvalidArgument);
  CHECK_THROWS_AS(ops::hadamard({}, {q}), InvalidArgument);
  CHECK_THROWS_AS(ops::hadamard(test::cuda_context(), {x}), InvalidArgument);
}

}  // namespace dsabench
