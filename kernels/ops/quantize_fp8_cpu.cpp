#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/base/float_formats.h"
#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/quantize_fp8.h"
#include "kernels/simd/vector_math.h"

namespace dsabench::ops::detail {
namespace {

constexpr float kMinMagnitude = 1e-4f;

/// Exactly 2^ceil(log2(magnitude / 448)): with magnitude = m * 2^e, m in [1/2, 1), and
/// 448 = 7/8 * 2^9, the quotient is at most 2^(e - 9) where m <= 7/8.
float power_of_two_scale(float magnitude) {
  int exponent = 0;
  const float mantissa = std::frexp(magnitude, &exponent);
  return std::ldexp(1.0f, mantissa <= 0.875f ? exponent - 9 : exponent - 8);
}

float quantize_block(const float* x, std::int64_t n, bool power_of_two, std::uint8_t* out) {
  float magnitude = kMinMagnitude;
  bool finite = true;
  for (std::int64_t i = 0; i < n; ++i) {
    magnitude = std::max(magnitude, std::fabs(x[i]));
    finite &= std::fabs(x[i]) <= std::numeric_limits<float>::max();
  }
  float scale = power_of_two ? power_of_two_scale(magnitude) : magnitude / kE4m3Max;
  if (!finite) scale = std::numeric_limits<float>::quiet_NaN();
  for (std::int64_t i = 0; i < n; ++i) out[i] = f32_to_e4m3(x[i] / scale);
  return scale;
}

}  // namespace

void quantize_fp8_cpu(const QuantizeFp8Args& args) {
  const std::int64_t rows = args.x.dim(0), dim = args.x.dim(1);
#pragma omp parallel for schedule(static) if (rows * dim > kMinParallelElements)
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* x = args.x.row<float>(r);
    auto* out = args.out.row<std::uint8_t>(r);
    float* scale = args.scales.row<float>(r);
    for (std::int64_t begin = 0; begin < dim; begin += args.block) {
      const std::int64_t count = std::min(args.block, dim - begin);
      *scale++ = quantize_block(x + begin, count, args.power_of_two_scale, out + begin);
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
  const float norm = 1.0f / std::sqrt(static_cast<float>(dim));
#pragma omp parallel for schedule(static) if (rows * dim > kMinParallelElements)
  for (std::int64_t r = 0; r < rows; ++r) {
    float* x = args.x.row<float>(r);
    for (std::int64_t half = 1; half < dim; half *= 2) {
      for (std::int64_t begin = 0; begin < dim; begin += 2 * half) {
        for (std::int64_t i = begin; i < begin + half; ++i) {
          const float a = x[i], b = x[i + half];
          x[i] = a + b;
          x[i + half] = a - b;
        }
      }
    }
    math.scale(x, norm, dim);
  }
}

}  // namespace dsabench::ops::detail
