#include "harness/target/device_choice.h"

#include <fmt/format.h>

#include <tuple>

#include "kernels/cuda/device_list.h"

namespace dsabench {
namespace {

constexpr std::string_view kEveryGpu = "cuda:all";

auto kind_of(const cuda::DeviceInfo& gpu) {
  return std::tie(gpu.name, gpu.memory_bytes, gpu.num_multiprocessors);
}

std::string describe(const cuda::DeviceInfo& gpu) {
  return fmt::format("cuda:{} is {} ({} multiprocessors, {} bytes)", gpu.ordinal, gpu.name,
                     gpu.num_multiprocessors, gpu.memory_bytes);
}

}  // namespace

std::string DeviceChoice::name() const { return every ? std::string(kEveryGpu) : device.name(); }

DeviceChoice DeviceChoice::parse(std::string_view text) {
  if (text == kEveryGpu) return {{Device::Kind::cuda, 0}, true};
  return {Device::parse(text), false};
}

std::vector<Device> devices_of(const DeviceChoice& choice) {
  if (!choice.every) return {choice.device};
  const cuda::DeviceList gpus = cuda::list_devices();
  if (gpus.devices.empty()) {
    throw UnsupportedDevice(fmt::format("{}: {}", kEveryGpu, gpus.unavailable));
  }
  std::vector<Device> devices;
  for (const cuda::DeviceInfo& gpu : gpus.devices) {
    const cuda::DeviceInfo& first = gpus.devices.front();
    if (kind_of(gpu) != kind_of(first)) {
      throw InvalidArgument(fmt::format("--device {}: the GPUs are not alike, name one: {}, {}",
                                        kEveryGpu, describe(first), describe(gpu)));
    }
    devices.push_back({Device::Kind::cuda, gpu.ordinal});
  }
  return devices;
}

}  // namespace dsabench
