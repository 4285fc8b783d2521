#include "train/fp8_blocks.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/float_formats.h"

namespace dsabench::train {

Fp8Matrix quantize_blocks(const at::Tensor& matrix, std::int64_t block_rows,
                          std::int64_t block_columns) {
  const at::Tensor values = matrix.detach().to(at::kFloat).contiguous();
  const std::int64_t rows = values.size(0), columns = values.size(1);
  Fp8Matrix result;
  result.codes = at::empty({rows, columns}, at::kByte);
  result.scales = at::empty(
      {(rows + block_rows - 1) / block_rows, (columns + block_columns - 1) / block_columns},
      at::kFloat);
  const float* from = values.data_ptr<float>();
  std::uint8_t* codes = result.codes.data_ptr<std::uint8_t>();
  float* scale = result.scales.data_ptr<float>();
  for (std::int64_t row = 0; row < rows; row += block_rows) {
    for (std::int64_t column = 0; column < columns; column += block_columns) {
      const auto for_each = [&](auto action) {
        for (std::int64_t r = row; r < std::min(row + block_rows, rows); ++r) {
          for (std::int64_t c = column; c < std::min(column + block_columns, columns); ++c) {
            action(r * columns + c);
          }
        }
      };
      float largest = 0;
      for_each([&](std::int64_t i) { largest = std::max(largest, std::fabs(from[i])); });
      *scale = largest > 0 ? largest / kE4m3Max : 1.0f;
      for_each([&](std::int64_t i) { codes[i] = f32_to_e4m3(from[i] / *scale); });
      ++scale;
    }
  }
  return result;
}

}  // namespace dsabench::train
