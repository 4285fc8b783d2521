#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/device.h"

namespace dsabench {

/// What --device says: one device, or "cuda:all", every GPU there is. The first of them then stands
/// for all, which are of one kind.
struct DeviceChoice {
  Device device;
  bool every = false;

  bool operator==(const DeviceChoice&) const = default;
  std::string name() const;
  /// Throws InvalidArgument.
  static DeviceChoice parse(std::string_view text);
};

/// The devices that a choice names, here. Throws UnsupportedDevice where there is no GPU (says
/// why), and InvalidArgument where GPUs differ in name, memory or multiprocessors: cells that they
/// share would be measured on several machines.
std::vector<Device> devices_of(const DeviceChoice& choice);

}  // namespace dsabench
