#pragma once
// Most who read this header format messages; nvcc cannot read fmt, and device code needs no
// message.
#ifndef __CUDACC__
#include <fmt/format.h>
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <type_traits>

#include "kernels/base/device.h"
#include "kernels/base/dtype.h"
#include "kernels/base/error.h"

namespace dsabench {

inline constexpr int kMaxRank = 4;

/// Non-owning tensor: pointer, dtype, shape and strides (in elements), device. Slowest dimension
/// first; the last dimension has stride 1. Copying copies the view. The memory must outlive it.
/// `Byte` is std::byte (writable, `TensorView`) or const std::byte (`ConstTensorView`).
template <class Byte>
class BasicTensorView {
 public:
  template <class T>
  using Pointer = std::conditional_t<std::is_const_v<Byte>, const T*, T*>;
  using VoidPointer = std::conditional_t<std::is_const_v<Byte>, const void*, void*>;

  BasicTensorView() = default;

  /// A contiguous view of `shape` over `data`.
  BasicTensorView(VoidPointer data, DType dtype, std::span<const std::int64_t> shape,
                  Device device = {})
      : data_(static_cast<Byte*>(data)),
        dtype_(dtype),
        device_(device),
        rank_(static_cast<int>(shape.size())) {
    if (shape.size() > kMaxRank) throw InvalidArgument("tensor of more than 4 dimensions");
    std::int64_t stride = 1;
    for (int i = rank_ - 1; i >= 0; --i) {
      const auto at = static_cast<std::size_t>(i);
      dims_[at] = shape[at];
      strides_[at] = stride;
      stride *= shape[at];
    }
  }
  BasicTensorView(VoidPointer data, DType dtype, std::initializer_list<std::int64_t> shape,
                  Device device = {})
      : BasicTensorView(data, dtype, std::span(shape.begin(), shape.size()), device) {}

  /// A writable view converts to a read-only one.
  template <class Other>
  requires(std::is_const_v<Byte> && !std::is_const_v<Other>)
      BasicTensorView(const BasicTensorView<Other>& other)  // NOLINT(google-explicit-constructor)
      : data_(other.raw()), dtype_(other.dtype()), device_(other.device()), rank_(other.rank()) {
    for (int i = 0; i < rank_; ++i) {
      dims_[static_cast<std::size_t>(i)] = other.dim(i);
      strides_[static_cast<std::size_t>(i)] = other.stride(i);
    }
  }

  bool empty() const { return data_ == nullptr; }
  explicit operator bool() const { return data_ != nullptr; }
  Byte* raw() const { return data_; }
  DType dtype() const { return dtype_; }
  Device device() const { return device_; }
  int rank() const { return rank_; }
  std::int64_t dim(int i) const { return dims_[static_cast<std::size_t>(i)]; }
  std::int64_t stride(int i) const { return strides_[static_cast<std::size_t>(i)]; }
  std::span<const std::int64_t> shape() const {
    return {dims_.data(), static_cast<std::size_t>(rank_)};
  }

  std::int64_t num_elements() const {
    std::int64_t count = 1;
    for (int i = 0; i < rank_; ++i) count *= dim(i);
    return count;
  }
  std::int64_t bytes() const { return num_elements() * dtype_bytes(dtype_); }

  bool is_contiguous() const {
    std::int64_t expected = 1;
    for (int i = rank_ - 1; i >= 0; --i) {
      if (dim(i) != 1 && stride(i) != expected) return false;
      expected *= dim(i);
    }
    return true;
  }

  /// Whether the first element, and one step along any dimension but the last, lies at a multiple
  /// of `bytes`: what a vector load of a row's beginning asks for.
  bool rows_aligned(std::int64_t bytes) const {
    bool aligned =
        reinterpret_cast<std::uintptr_t>(data_) % static_cast<std::uintptr_t>(bytes) == 0;
    for (int i = 0; i + 1 < rank_; ++i) {
      aligned = aligned && stride(i) * dtype_bytes(dtype_) % bytes == 0;
    }
    return aligned;
  }

  /// Pointer to the first element. Throws InvalidArgument where T does not fit the dtype.
  template <class T>
  Pointer<T> data() const {
    if (!DTypeOf<T>::accepts(dtype_)) {
      throw InvalidArgument("tensor of dtype " + std::string(dtype_name(dtype_)) +
                            " read as another type");
    }
    return reinterpret_cast<Pointer<T>>(data_);
  }
  /// Pointer to row `i` of the first dimension.
  template <class T>
  Pointer<T> row(std::int64_t i) const {
    return data<T>() + i * stride(0);
  }

  /// Rows [begin, begin + count) of the first dimension.
  BasicTensorView rows(std::int64_t begin, std::int64_t count) const {
    if (begin < 0 || count < 0 || begin + count > dim(0)) {
      throw InvalidArgument("rows " + range_string(begin, count) + " of a tensor with " +
                            std::to_string(dim(0)) + " rows");
    }
    BasicTensorView view = *this;
    view.data_ += begin * stride(0) * dtype_bytes(dtype_);
    view.dims_[0] = count;
    return view;
  }
  /// Elements [begin, begin + count) of the last dimension; the strides stay.
  BasicTensorView columns(std::int64_t begin, std::int64_t count) const {
    const auto last = static_cast<std::size_t>(rank_ - 1);
    if (begin < 0 || count < 0 || begin + count > dims_[last]) {
      throw InvalidArgument("columns " + range_string(begin, count) + " of a tensor with " +
                            std::to_string(dims_[last]) + " columns");
    }
    BasicTensorView view = *this;
    view.data_ += begin * dtype_bytes(dtype_);
    view.dims_[last] = count;
    return view;
  }
  /// The same elements under another shape; needs a contiguous view.
  BasicTensorView reshaped(std::initializer_list<std::int64_t> shape) const {
    BasicTensorView view(data_, dtype_, shape, device_);
    if (!is_contiguous() || view.num_elements() != num_elements()) {
      throw InvalidArgument("reshape of " + shape_string() + " to " + view.shape_string());
    }
    return view;
  }
  /// Splits the last dimension into [heads, dim]: [tokens, heads*dim] -> [tokens, heads, dim].
  BasicTensorView split_last(std::int64_t heads, std::int64_t dim) const {
    const auto last = static_cast<std::size_t>(rank_ - 1);
    if (rank_ >= kMaxRank || dims_[last] != heads * dim) {
      throw InvalidArgument("split of " + shape_string() + " into " + std::to_string(heads) +
                            " x " + std::to_string(dim));
    }
    BasicTensorView view = *this;
    view.rank_ = rank_ + 1;
    view.dims_[last] = heads;
    view.dims_[last + 1] = dim;
    view.strides_[last] = dim;
    view.strides_[last + 1] = 1;
    return view;
  }

  /// "f32 [4, 16]", for messages.
  std::string shape_string() const {
    std::string text(dtype_name(dtype_));
    for (int i = 0; i < rank_; ++i) {
      text += i == 0 ? " [" : ", ";
      text += std::to_string(dim(i));
    }
    return text + (rank_ == 0 ? " []" : "]");
  }

 private:
  static std::string range_string(std::int64_t begin, std::int64_t count) {
    std::string text = "[";  // appended to: GCC 12 sees an overlap in "literal" + temporary
    return text.append(std::to_string(begin)).append(", ").append(std::to_string(begin + count)) +
           ")";
  }

  Byte* data_ = nullptr;
  DType dtype_ = DType::f32;
  Device device_;
  int rank_ = 0;
  std::array<std::int64_t, kMaxRank> dims_{};
  std::array<std::int64_t, kMaxRank> strides_{};
};

using TensorView = BasicTensorView<std::byte>;
using ConstTensorView = BasicTensorView<const std::byte>;

}  // namespace dsabench
