#pragma once
#include <map>
#include <memory>
#include <span>

#include "kernels/base/tensor.h"

namespace dsabench {

/// Reads a contiguous tensor on the host, wherever it lives: host memory in place, a device's
/// copied row by row as asked for. bf16 is widened to f32. Waits for the device; the viewed memory
/// must outlive it. What is returned lives as long as the view; copies of a view share it.
class HostView {
 public:
  HostView() = default;
  HostView(ConstTensorView view) : view_(view) {}  // NOLINT(google-explicit-constructor)
  HostView(TensorView view)
      : HostView(ConstTensorView(view)) {}  // NOLINT(google-explicit-constructor)
  HostView(const Tensor& tensor)
      : HostView(tensor.view()) {}  // NOLINT(google-explicit-constructor)

  bool empty() const { return view_.empty(); }
  int rank() const { return view_.rank(); }
  std::int64_t dim(int i) const { return view_.dim(i); }
  std::int64_t num_elements() const { return view_.num_elements(); }
  /// As read: f32 for bf16.
  DType dtype() const { return view_.dtype() == DType::bf16 ? DType::f32 : view_.dtype(); }

  /// Row `i` of the first dimension.
  template <class T>
  const T* row(std::int64_t i) const& {
    return view_.device().is_cpu() ? view_.row<T>(i) : fetched_row(i).data<T>();
  }
  template <class T>
  const T* row(std::int64_t i) const&& = delete;  // would outlive its memory
  /// Every element, contiguous.
  ConstTensorView all() const&;
  ConstTensorView all() const&& = delete;  // would outlive its memory

 private:
  struct Fetched {
    std::map<std::int64_t, Tensor> rows;
    Tensor all;
  };
  const Tensor& fetched_row(std::int64_t i) const;
  Fetched& fetched() const;

  ConstTensorView view_;
  mutable std::shared_ptr<Fetched> fetched_;
};

/// A contiguous tensor's elements on the host; bf16 widened to f32. Waits for the device.
Tensor host_copy(ConstTensorView tensor);

/// Positions [0, count) of a sequence in one of the tensors of its caches (BlockPool), brought
/// together on the host; bf16 widened to f32. Waits for the device.
Tensor cached_rows(ConstTensorView rows, std::span<const std::int32_t> blocks, std::int64_t count);

/// Rows `chosen` of a matrix, f32 or bf16, gathered where it lives: an f32 tensor on the host.
Tensor gathered_rows(ConstTensorView matrix, std::span<const std::int32_t> chosen);

}  // namespace dsabench
