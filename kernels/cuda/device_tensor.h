#pragma once
#include <vector>

#include "kernels/base/tensor_view.h"
#include "kernels/cuda/device_buffer.h"

namespace dsabench::cuda {

/// Owning, contiguous tensor on a CUDA device. Memory is not initialised and belongs to the order
/// of `stream`, which must outlive it. Move-only. Throws OutOfMemory.
class DeviceTensor {
 public:
  DeviceTensor() = default;
  DeviceTensor(Device device, DType dtype, std::vector<std::int64_t> shape, cudaStream_t stream);

  TensorView view() { return {buffer_.data(), dtype_, shape_, device_}; }
  ConstTensorView view() const { return {buffer_.data(), dtype_, shape_, device_}; }
  std::int64_t bytes() const { return view().bytes(); }
  /// Sets every byte, in the order of `stream`.
  void fill_bytes(int value, cudaStream_t stream);

 private:
  Device device_;
  DType dtype_ = DType::f32;
  std::vector<std::int64_t> shape_;
  DeviceBuffer buffer_;
};

/// Copies between host and device, or within the device, in the order of `stream`. Both views are
/// contiguous and of one dtype and number of elements, else InvalidArgument. Host memory must stay
/// as it is until the stream has passed the copy; from pageable memory the driver may wait.
void copy(const TensorView& to, const ConstTensorView& from, cudaStream_t stream);

}  // namespace dsabench::cuda
