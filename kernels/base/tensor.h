#pragma once
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "kernels/base/tensor_view.h"

namespace dsabench {

/// Owning, contiguous host tensor, aligned to 64 bytes. Memory is not initialised. Move-only.
/// Throws OutOfMemory, with the bytes wanted, where the allocation fails, and InvalidArgument
/// where the sizes overflow.
class Tensor {
 public:
  Tensor() = default;
  Tensor(DType dtype, std::vector<std::int64_t> shape) : dtype_(dtype), shape_(std::move(shape)) {
    std::int64_t bytes = dtype_bytes(dtype);
    for (const std::int64_t dim : shape_) {
      if (dim < 0 || __builtin_mul_overflow(bytes, dim, &bytes)) {
        throw InvalidArgument("tensor of impossible shape: dimension " + std::to_string(dim));
      }
    }
    if (bytes > std::numeric_limits<std::int64_t>::max() - kAlignment) {
      throw InvalidArgument("tensor of impossible size");
    }
    const std::int64_t rounded = (bytes / kAlignment + 1) * kAlignment;
    data_.reset(std::aligned_alloc(kAlignment, static_cast<std::size_t>(rounded)));
    if (!data_) throw OutOfMemory("cannot allocate " + std::to_string(rounded) + " bytes", rounded);
  }

  bool empty() const { return data_ == nullptr; }
  DType dtype() const { return dtype_; }
  std::int64_t dim(int i) const { return shape_[static_cast<std::size_t>(i)]; }
  std::span<const std::int64_t> shape() const { return shape_; }
  std::int64_t bytes() const { return view().bytes(); }

  TensorView view() { return {data_.get(), dtype_, shape_}; }
  ConstTensorView view() const { return {data_.get(), dtype_, shape_}; }
  operator TensorView() { return view(); }             // NOLINT(google-explicit-constructor)
  operator ConstTensorView() const { return view(); }  // NOLINT(google-explicit-constructor)

  template <class T>
  T* data() {
    return view().data<T>();
  }
  template <class T>
  const T* data() const {
    return view().template data<T>();
  }

  void fill_bytes(int value) {
    if (data_) std::memset(data_.get(), value, static_cast<std::size_t>(bytes()));
  }
  /// Fills with NaN (float formats) or a large negative number: what is read unwritten shows.
  void poison() { fill_bytes(0xff); }

  Tensor clone() const {
    Tensor copy(dtype_, shape_);
    if (data_) std::memcpy(copy.data_.get(), data_.get(), static_cast<std::size_t>(bytes()));
    return copy;
  }

 private:
  static constexpr std::int64_t kAlignment = 64;
  struct Free {
    void operator()(void* pointer) const { std::free(pointer); }
  };
  DType dtype_ = DType::f32;
  std::vector<std::int64_t> shape_;
  std::unique_ptr<void, Free> data_;
};

}  // namespace dsabench
