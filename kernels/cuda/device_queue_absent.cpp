#include <fmt/format.h>

#include "kernels/cuda/device_queue.h"

namespace dsabench::cuda {

DeviceQueue* device_queue(Device device) {
  if (device.is_cpu()) return nullptr;
  throw UnsupportedDevice(fmt::format(
      "{}: this build has no CUDA device code (it is built where CMake finds nvcc 12.9 or newer)",
      device.name()));
}

}  // namespace dsabench::cuda
