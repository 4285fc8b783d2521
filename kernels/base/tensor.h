#pragma once
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "kernels/base/device_queue.h"
#include "kernels/base/tensor_view.h"

namespace dsabench {

/// Owning, contiguous tensor: on the host, aligned to 64 bytes, or where a queue is given in that
/// device's memory and order. Memory is not initialised. Move-only. Throws OutOfMemory, with the
/// bytes wanted, where the allocation fails, and InvalidArgument where the sizes overflow.
class Tensor {
 public:
  Tensor() = default;
  /// `queue` outlives the tensor; null: the host.
  Tensor(DType dtype, std::vector<std::int64_t> shape, DeviceQueue* queue = nullptr)
      : dtype_(dtype), shape_(std::move(shape)), data_(nullptr, Free{queue}) {
    std::int64_t bytes = dtype_bytes(dtype);
    for (const std::int64_t dim : shape_) {
      if (dim < 0 || __builtin_mul_overflow(bytes, dim, &bytes)) {
        throw InvalidArgument("tensor of impossible shape: dimension " + std::to_string(dim));
      }
    }
    if (bytes > std::numeric_limits<std::int64_t>::max() - kAlignment) {
      throw InvalidArgument("tensor of impossible size");
    }
    if (queue != nullptr) {
      data_.reset(queue->allocate(bytes));
      return;
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
  /// Null on the host.
  DeviceQueue* queue() const { return data_.get_deleter().queue; }
  Device device() const { return queue() == nullptr ? Device() : queue()->device(); }

  TensorView view() { return {data_.get(), dtype_, shape_, device()}; }
  ConstTensorView view() const { return {data_.get(), dtype_, shape_, device()}; }
  operator TensorView() { return view(); }             // NOLINT(google-explicit-constructor)
  operator ConstTensorView() const { return view(); }  // NOLINT(google-explicit-constructor)

  /// In the memory of the tensor's device.
  template <class T>
  T* data() {
    return view().data<T>();
  }
  template <class T>
  const T* data() const {
    return view().template data<T>();
  }

  void fill_bytes(int value) {
    if (data_) fill_bytes(0, bytes(), value);
  }
  /// Bytes [begin, begin + count).
  void fill_bytes(std::int64_t begin, std::int64_t count, int value) {
    char* to = static_cast<char*>(data_.get()) + begin;
    if (queue() != nullptr) return queue()->fill(to, value, count);
    std::memset(to, value, static_cast<std::size_t>(count));
  }
  /// Fills with NaN (float formats) or a large negative number: what is read unwritten shows.
  void poison() { fill_bytes(0xff); }

  /// The first `count` bytes of `from`, wherever either lives. From a device to the host they are
  /// there once its queue has been waited for.
  void copy_bytes(const Tensor& from, std::int64_t count) { copy_bytes(0, from, 0, count); }
  /// The same of bytes [from_begin, from_begin + count) to [begin, begin + count).
  void copy_bytes(std::int64_t begin, const Tensor& from, std::int64_t from_begin,
                  std::int64_t count) {
    char* to = static_cast<char*>(data_.get()) + begin;
    const char* source = static_cast<const char*>(from.data_.get()) + from_begin;
    DeviceQueue* copier = queue() != nullptr ? queue() : from.queue();
    if (copier != nullptr) return copier->copy(to, source, count);
    std::memcpy(to, source, static_cast<std::size_t>(count));
  }
  /// On the same device.
  Tensor clone() const {
    Tensor copy(dtype_, shape_, queue());
    if (data_) copy.copy_bytes(*this, bytes());
    return copy;
  }

 private:
  static constexpr std::int64_t kAlignment = 64;
  struct Free {
    Free() : queue(nullptr) {}
    explicit Free(DeviceQueue* of) : queue(of) {}
    DeviceQueue* queue;
    void operator()(void* pointer) const {
      if (queue != nullptr) return queue->release(pointer);
      std::free(pointer);
    }
  };
  DType dtype_ = DType::f32;
  std::vector<std::int64_t> shape_;
  std::unique_ptr<void, Free> data_;
};

}  // namespace dsabench
