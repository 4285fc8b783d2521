#include "engine/model/tensor_conversion.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/base/float_formats.h"

namespace dsabench {
namespace {

/// Elements that one thread converts at a time: enough to hide the loop's overhead.
constexpr std::int64_t kChunk = 1 << 16;

using ByteTable = std::array<float, 256>;

ByteTable make_table(float (*convert)(std::uint8_t)) {
  ByteTable table{};
  for (int code = 0; code < 256; ++code) {
    table[std::size_t(code)] = convert(static_cast<std::uint8_t>(code));
  }
  return table;
}

const ByteTable& e4m3_table() {
  static const ByteTable table = make_table(e4m3_to_f32);
  return table;
}

std::uint16_t load_u16(const std::byte* bytes) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, bytes, sizeof bits);
  return bits;
}

/// Converts `count` elements; the caller has checked the type.
void convert_chunk(const std::byte* source, DType dtype, std::int64_t count, float* destination) {
  switch (dtype) {
    case DType::f32:
      std::memcpy(destination, source, std::size_t(count) * sizeof(float));
      return;
    case DType::bf16:
      for (std::int64_t i = 0; i < count; ++i) {
        destination[i] = bf16_to_f32(load_u16(source + 2 * i));
      }
      return;
    case DType::f16:
      for (std::int64_t i = 0; i < count; ++i) {
        destination[i] = f16_to_f32(load_u16(source + 2 * i));
      }
      return;
    case DType::f8_e4m3:
      for (std::int64_t i = 0; i < count; ++i) {
        destination[i] = e4m3_table()[std::to_integer<std::size_t>(source[i])];
      }
      return;
    case DType::f8_e8m0:
      for (std::int64_t i = 0; i < count; ++i) {
        destination[i] = e8m0_to_f32(std::to_integer<std::uint8_t>(source[i]));
      }
      return;
    case DType::i16:
    case DType::i32:
    case DType::i64:
    case DType::u8:
      return;
  }
}

}  // namespace

bool converts_to_f32(DType dtype) {
  return dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16 ||
         dtype == DType::f8_e4m3 || dtype == DType::f8_e8m0;
}

void copy_as_f32(ConstTensorView source, float* destination) {
  if (!converts_to_f32(source.dtype()) || !source.is_contiguous()) {
    throw InvalidArgument("cannot read as contiguous floats: " + source.shape_string());
  }
  const std::int64_t count = source.num_elements();
  const std::int64_t width = dtype_bytes(source.dtype());
  const std::int64_t chunks = (count + kChunk - 1) / kChunk;
#pragma omp parallel for schedule(static) if (chunks > 1)
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    const std::int64_t begin = chunk * kChunk;
    convert_chunk(source.raw() + begin * width, source.dtype(), std::min(kChunk, count - begin),
                  destination + begin);
  }
}

void dequantize_blocks(ConstTensorView codes, ConstTensorView scales, std::int64_t block_rows,
                       std::int64_t block_columns, float* destination) {
  const auto blocks = [](std::int64_t size, std::int64_t block) {
    return size / block + (size % block != 0 ? 1 : 0);
  };
  if (codes.dtype() != DType::f8_e4m3 || codes.rank() != 2 || scales.rank() != 2 ||
      scales.dim(0) != blocks(codes.dim(0), block_rows) ||
      scales.dim(1) != blocks(codes.dim(1), block_columns)) {
    throw InvalidArgument("FP8 codes " + codes.shape_string() + " do not fit scales " +
                          scales.shape_string());
  }
  const std::int64_t rows = codes.dim(0), columns = codes.dim(1), scale_columns = scales.dim(1);
  std::vector<float> scale(static_cast<std::size_t>(scales.num_elements()));
  copy_as_f32(scales, scale.data());
  const ByteTable& table = e4m3_table();
#pragma omp parallel for schedule(static) if (rows * columns > kChunk)
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::byte* source = codes.raw() + r * columns;
    float* target = destination + r * columns;
    const float* row_scale = scale.data() + r / block_rows * scale_columns;
    for (std::int64_t block = 0; block < scale_columns; ++block) {
      const std::int64_t end = std::min(columns, (block + 1) * block_columns);
      for (std::int64_t c = block * block_columns; c < end; ++c) {
        target[c] = table[std::to_integer<std::size_t>(source[c])] * row_scale[block];
      }
    }
  }
}

}  // namespace dsabench
