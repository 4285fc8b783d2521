#include <cmath>

#include "kernels/ops/quantize_fp8.h"
#include "kernels/reference/fp8.h"
#include "tests/support/compare.h"
#include "tests/support/cuda_test.h"

using namespace dsabench;
using namespace dsabench::test;

TEST_CASE("cuda: quantize_fp8 equals the search over all codes bit for bit") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kActivationTypes) {
    for (int round = 0; round < 20; ++round) {
      const std::int64_t rows = random.integer(1, 5),
                         dim = random.choice<std::int64_t>({1, 5, 64, 128, 130, 300}),
                         block = random.choice<std::int64_t>({1, 3, 64, 128, 1000});
      const bool power_of_two = random.integer(0, 1) == 1;
      CAPTURE(dtype_name(dtype), rows, dim, block, power_of_two);
      CudaTest gpu;
      Tensor x = random.normal_tensor({rows, dim}, std::exp2(random.uniform(-20, 20)));
      round_to(dtype, x);
      const std::int64_t blocks = (dim + block - 1) / block;
      const CudaRows out(gpu, DType::f8_e4m3, rows, dim, 3, 2),
          scales(gpu, DType::f32, rows, blocks, 1, 1);
      ops::quantize_fp8(gpu.ctx, {CudaRows(gpu, random, x, dtype).view(), out.view(), scales.view(),
                                  block, power_of_two});
      CHECK(out.surroundings_intact());
      CHECK(scales.surroundings_intact());
      const Tensor codes = out.get(), scale = scales.get();
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t b = 0; b < blocks; ++b) {
          const std::int64_t begin = b * block, count = std::min(block, dim - begin);
          const auto want = reference::quantize_block(
              {x.view().row<float>(r) + begin, static_cast<std::size_t>(count)}, power_of_two);
          REQUIRE(scale.view().row<float>(r)[b] == want.scale);
          REQUIRE(std::equal(want.codes.begin(), want.codes.end(),
                             codes.view().row<std::uint8_t>(r) + begin));
        }
      }
    }
  }
}

TEST_CASE("cuda: a block that holds NaN or infinity shows it, the next block does not") {
  CudaTest gpu;
  for (const float bad : {std::nanf(""), -std::numeric_limits<float>::infinity()}) {
    Tensor x(DType::f32, {1, 8});
    std::fill_n(x.data<float>(), 8, 1.0f);
    x.data<float>()[2] = bad;
    const TensorView out = gpu.make(DType::f8_e4m3, {1, 8}), scales = gpu.make(DType::f32, {1, 2});
    ops::quantize_fp8(gpu.ctx, {gpu.put(x), out, scales, 4, true});
    const Tensor codes = gpu.get(out), scale = gpu.get(scales);
    CHECK(std::isnan(scale.data<float>()[0]));
    for (int i = 0; i < 4; ++i) CHECK(std::isnan(e4m3_to_f32(codes.data<std::uint8_t>()[i])));
    CHECK(scale.data<float>()[1] == 0x1p-8f);
    CHECK(e4m3_to_f32(codes.data<std::uint8_t>()[5]) == 256.0f);
  }
}

TEST_CASE("cuda: dequantize_fp8 gives every code its block's scale") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kActivationTypes) {
    const std::int64_t rows = random.integer(256, 300), columns = random.integer(256, 300),
                       block_rows = random.choice<std::int64_t>({1, 7, 128}),
                       block_columns = random.choice<std::int64_t>({1, 5, 128});
    CAPTURE(dtype_name(dtype), rows, columns, block_rows, block_columns);
    CudaTest gpu;
    Tensor codes(DType::f8_e4m3, {rows, columns});
    for (std::int64_t i = 0; i < rows * columns; ++i) {
      codes.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i);
    }
    const Tensor scales = random.normal_tensor(
        {(rows + block_rows - 1) / block_rows, (columns + block_columns - 1) / block_columns});
    const CudaRows out(gpu, dtype, rows, columns, 3, 1);
    ops::dequantize_fp8(gpu.ctx,
                        {gpu.put(codes), gpu.put(scales), out.view(), block_rows, block_columns});
    const Tensor got = out.get();
    CHECK(out.surroundings_intact());
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < columns; ++c) {
        float want =
            static_cast<float>(reference::e4m3_value(codes.view().row<std::uint8_t>(r)[c])) *
            scales.view().row<float>(r / block_rows)[c / block_columns];
        if (dtype == DType::bf16) want = bf16_to_f32(f32_to_bf16(want));
        const float value = got.view().row<float>(r)[c];
        const bool same = value == want || (std::isnan(value) && std::isnan(want));
        REQUIRE(same);
      }
    }
  }
}

TEST_CASE("cuda: hadamard matches its definition and refuses a dimension too large") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kActivationTypes) {
    for (const std::int64_t dim : {1, 2, 64, 128, 2048}) {
      CudaTest gpu;
      const std::int64_t rows = random.integer(1, 5);
      CAPTURE(dtype_name(dtype), rows, dim);
      Tensor x = random.normal_tensor({rows, dim});
      round_to(dtype, x);
      const CudaRows values(gpu, random, x, dtype);
      ops::hadamard(gpu.ctx, {values.view()});
      const Tensor got = values.get();
      for (std::int64_t r = 0; r < rows; ++r) {
        check_close(
            got.view().rows(r, 1),
            reference::hadamard_row({x.view().row<float>(r), static_cast<std::size_t>(dim)}),
            dtype == DType::bf16 ? 4e-3 : 1e-6);
      }
    }
  }
  CudaTest gpu;
  CHECK_THROWS_AS(ops::hadamard(gpu.ctx, {gpu.make(DType::f32, {1, 16384})}), InvalidArgument);
}
