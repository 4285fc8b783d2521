#include <algorithm>

#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/quantize_fp8.h"
#include "kernels/ops/row_steps.h"

namespace dsabench::ops::detail {

void quantize_fp8_cpu(const QuantizeFp8Args& args) {
  const std::int64_t rows = args.x.dim(0), dim = args.x.dim(1);
#pragma omp parallel for schedule(static) if (rows * dim > kMinParallelElements)
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* x = args.x.row<float>(r);
    auto* out = args.out.row<std::uint8_t>(r);
    float* scale = args.scales.row<float>(r);
    for (std::int64_t begin = 0; begin < dim; begin += args.block) {
      const std::int64_t count = std::min(args.block, dim - begin);
      *scale++ = quantize_row(x + begin, count, args.power_of_two_scale, out + begin);
    }
  }
}

void dequantize_fp8_cpu(const DequantizeFp8Args& args) {
  const VectorMath& math = vector_math();
  const std::int64_t rows = args.q.dim(0), columns = args.q.dim(1);
#pragma omp parallel for schedule(static) if (rows * columns > kMinParallelElements)
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* scale = args.scales.row<float>(r / args.block_rows);
    float* out = args.out.row<float>(r);
    math.e4m3_to_f32(out, args.q.row<std::uint8_t>(r), columns);
    for (std::int64_t begin = 0; begin < columns; begin += args.block_columns) {
      math.scale(out + begin, *scale++, std::min(args.block_columns, columns - begin));
    }
  }
}

void hadamard_cpu(const HadamardArgs& args) {
  const VectorMath& math = vector_math();
  const std::int64_t rows = args.x.dim(0), dim = args.x.dim(1);
#pragma omp parallel for schedule(static) if (rows * dim > kMinParallelElements)
  for (std::int64_t r = 0; r < rows; ++r) hadamard_row(math, args.x.row<float>(r), dim);
}

}  // namespace dsabench::ops::detail
