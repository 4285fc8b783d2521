#pragma once
#include "kernels/base/device_queue.h"

namespace dsabench::cuda {

/// The queue of a CUDA device: one for the whole process, never destroyed; null for the CPU. Makes
/// it at the first call. Throws UnsupportedDevice, with the reason, in a build without CUDA and
/// where the driver, the device, what it can do or cuBLASLt is missing.
DeviceQueue* device_queue(Device device);

}  // namespace dsabench::cuda
