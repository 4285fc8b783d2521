#pragma once
/// Tensor views as kernels take them, and the choice of the element type.
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/base/tensor_view.h"
#include "kernels/cuda/numeric.cuh"

namespace dsabench::cuda {

/// Rows of a tensor: pointer to the first element and distance between rows in elements.
template <class T>
struct Rows {
  T* data;
  std::int64_t stride;
  __device__ __forceinline__ T* operator[](std::int64_t row) const { return data + row * stride; }
};

/// The checked view `view` as rows of T.
template <class T, class Byte>
Rows<T> rows(const BasicTensorView<Byte>& view) {
  return {reinterpret_cast<T*>(view.raw()), view.stride(0)};
}

/// Calls body(T()) with the element type of f32 or bf16.
template <class Body>
void with_activation_type(DType dtype, Body&& body) {
  if (dtype == DType::bf16) {
    body(Bf16{});
  } else {
    body(float{});
  }
}

/// Neighbouring elements that are loaded and stored as one.
template <class T, int kWidth>
struct alignas(kWidth * sizeof(T)) Pack {
  T values[kWidth];
};
template <int kWidth, class T>
__device__ __forceinline__ Pack<std::remove_const_t<T>, kWidth> load_pack(T* from) {
  return *reinterpret_cast<const Pack<std::remove_const_t<T>, kWidth>*>(from);
}
template <int kWidth, class T>
__device__ __forceinline__ void store_pack(T* to, const Pack<T, kWidth>& pack) {
  *reinterpret_cast<Pack<T, kWidth>*>(to) = pack;
}

/// Calls body(std::integral_constant<int, width>()) with the elements of 16 bytes, where rows of
/// `dim` elements can be cut into them and start at such a border, else with 1.
template <class T, class Body>
void with_pack_width(bool rows_aligned, std::int64_t dim, Body&& body) {
  constexpr int kWide = 16 / static_cast<int>(sizeof(T));
  if (rows_aligned && dim % kWide == 0) {
    body(std::integral_constant<int, kWide>());
  } else {
    body(std::integral_constant<int, 1>());
  }
}

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// A one-dimensional grid of `count` blocks.
inline unsigned grid_size(std::int64_t count) {
  if (count > std::numeric_limits<std::int32_t>::max()) {
    throw InvalidArgument("a launch of " + std::to_string(count) + " blocks");
  }
  return static_cast<unsigned>(count);
}

}  // namespace dsabench::cuda
