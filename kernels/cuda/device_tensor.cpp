#include "kernels/cuda/device_tensor.h"

#include "kernels/cuda/stream.h"

namespace dsabench::cuda {
namespace {

DeviceBuffer allocate(Device device, DType dtype, const std::vector<std::int64_t>& shape,
                      cudaStream_t stream) {
  if (device.is_cpu()) throw InvalidArgument("a device tensor on the cpu");
  std::int64_t bytes = dtype_bytes(dtype);
  for (const std::int64_t dim : shape) {
    if (dim < 0 || __builtin_mul_overflow(bytes, dim, &bytes)) {
      throw InvalidArgument(
          fmt::format("device tensor of impossible shape [{}]", fmt::join(shape, ", ")));
    }
  }
  const DeviceGuard guard(device.ordinal);
  return {bytes, stream};
}

}  // namespace

DeviceTensor::DeviceTensor(Device device, DType dtype, std::vector<std::int64_t> shape,
                           cudaStream_t stream)
    : device_(device),
      dtype_(dtype),
      shape_(std::move(shape)),
      buffer_(allocate(device, dtype, shape_, stream)) {}

void DeviceTensor::fill_bytes(int value, cudaStream_t stream) {
  DSABENCH_CUDA_CHECK(
      cudaMemsetAsync(buffer_.data(), value, static_cast<std::size_t>(bytes()), stream));
}

void copy(const TensorView& to, const ConstTensorView& from, cudaStream_t stream) {
  if (to.dtype() != from.dtype() || to.num_elements() != from.num_elements() ||
      !to.is_contiguous() || !from.is_contiguous()) {
    throw InvalidArgument(
        fmt::format("copy needs contiguous tensors of one dtype and size: {} to {}",
                    from.shape_string(), to.shape_string()));
  }
  DSABENCH_CUDA_CHECK(cudaMemcpyAsync(to.raw(), from.raw(), static_cast<std::size_t>(to.bytes()),
                                      cudaMemcpyDefault, stream));
}

}  // namespace dsabench::cuda
