#pragma once
#include <cstdint>
#include <string_view>

namespace dsabench {

/// Element type of a tensor. f8_e4m3 is the finite-only variant (max 448, no infinities);
/// f8_e8m0 is a bare power-of-two scale.
enum class DType : std::uint8_t { f32, bf16, f16, f8_e4m3, f8_e8m0, i16, i32, i64, u8 };

/// Bytes of one element.
constexpr std::int64_t dtype_bytes(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::bf16:
    case DType::f16:
    case DType::i16:
      return 2;
    case DType::i64:
      return 8;
    case DType::f8_e4m3:
    case DType::f8_e8m0:
    case DType::u8:
      return 1;
  }
  return 0;
}

/// Name as printed and stored: "f32", "bf16", ...
constexpr std::string_view dtype_name(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::bf16:
      return "bf16";
    case DType::f16:
      return "f16";
    case DType::f8_e4m3:
      return "f8_e4m3";
    case DType::f8_e8m0:
      return "f8_e8m0";
    case DType::i16:
      return "i16";
    case DType::i32:
      return "i32";
    case DType::i64:
      return "i64";
    case DType::u8:
      return "u8";
  }
  return "?";
}

/// The DType of a C++ element type. Byte formats without a C++ type are read as std::uint8_t.
template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr bool accepts(DType d) { return d == DType::f32; }
};
template <>
struct DTypeOf<std::int16_t> {
  static constexpr bool accepts(DType d) { return d == DType::i16; }
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr bool accepts(DType d) { return d == DType::i32; }
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr bool accepts(DType d) { return d == DType::i64; }
};
template <>
struct DTypeOf<std::uint16_t> {
  static constexpr bool accepts(DType d) { return d == DType::bf16 || d == DType::f16; }
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr bool accepts(DType d) {
    return d == DType::u8 || d == DType::f8_e4m3 || d == DType::f8_e8m0;
  }
};

}  // namespace dsabench
