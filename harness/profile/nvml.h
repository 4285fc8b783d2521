#pragma once
/// NVIDIA's management library, loaded when the program runs: builds need no toolkit, and machines
/// without a driver start all the same.
#include <memory>
#include <string>

#include "harness/profile/device_monitor.h"
#include "kernels/cuda/device_list.h"

namespace dsabench {

class Nvml {
 public:
  static constexpr const char* kLibrary = "libnvidia-ml.so.1";
  /// Throws UnsupportedDevice, naming library and entry point, where NVML is missing or does not
  /// start.
  explicit Nvml(const std::string& library = kLibrary);

  /// The GPU that CUDA names so: by PCI bus id, which holds under CUDA_VISIBLE_DEVICES where
  /// ordinals do not, else by UUID. Throws UnsupportedDevice where NVML shows no such GPU.
  std::shared_ptr<DeviceMonitor> monitor(const cuda::DeviceInfo& device) const;
  DeviceSettings settings(const cuda::DeviceInfo& device) const;

 private:
  class Library;
  std::shared_ptr<const Library> library_;
  friend class NvmlMonitor;
};

}  // namespace dsabench
