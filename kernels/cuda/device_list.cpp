#include "kernels/cuda/device_list.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <cstddef>

namespace dsabench::cuda {
namespace {

// The few entry points and constants of the CUDA driver API that are needed here (cuda.h, stable
// ABI): the tool must build where no toolkit is installed.
using Result = int;
using DeviceHandle = int;
constexpr Result kSuccess = 0;
constexpr int kMultiprocessorCount = 16;
constexpr int kComputeMajor = 75;
constexpr int kComputeMinor = 76;

class Driver {
 public:
  Driver() : library_(dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL)) {
    if (!library_) return;
    complete_ = load("cuInit", init) && load("cuDriverGetVersion", driver_version) &&
                load("cuDeviceGetCount", device_count) && load("cuDeviceGet", device) &&
                load("cuDeviceGetName", device_name) &&
                load("cuDeviceGetAttribute", device_attribute) &&
                load("cuDeviceTotalMem_v2", device_memory);
    load("cuDeviceGetPCIBusId", device_pci_bus_id);
    load("cuDeviceGetUuid", device_uuid);
  }
  bool loaded() const { return library_ != nullptr; }
  bool complete() const { return complete_; }

  Result (*init)(unsigned flags) = nullptr;
  Result (*driver_version)(int* version) = nullptr;
  Result (*device_count)(int* count) = nullptr;
  Result (*device)(DeviceHandle* handle, int ordinal) = nullptr;
  Result (*device_name)(char* name, int length, DeviceHandle handle) = nullptr;
  Result (*device_attribute)(int* value, int attribute, DeviceHandle handle) = nullptr;
  Result (*device_memory)(std::size_t* bytes, DeviceHandle handle) = nullptr;
  Result (*device_pci_bus_id)(char* text, int length, DeviceHandle handle) = nullptr;
  Result (*device_uuid)(unsigned char (*uuid)[16], DeviceHandle handle) = nullptr;

 private:
  template <class Function>
  bool load(const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library_, name));
    return function != nullptr;
  }
  void* library_;  // never unloaded: drivers start threads that outlive the call
  bool complete_ = false;
};

std::string uuid_of(const Driver& driver, DeviceHandle handle) {
  unsigned char bytes[16];
  if (driver.device_uuid == nullptr || driver.device_uuid(&bytes, handle) != kSuccess) return {};
  std::string text = "GPU";
  for (int i = 0; i < 16; ++i) {
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", bytes[i]);
  }
  return text;
}

DeviceInfo describe(const Driver& driver, int ordinal) {
  DeviceInfo info;
  info.ordinal = ordinal;
  DeviceHandle handle = 0;
  if (driver.device(&handle, ordinal) != kSuccess) return info;
  std::array<char, 256> name{};
  if (driver.device_name(name.data(), static_cast<int>(name.size()), handle) == kSuccess) {
    info.name = name.data();
  }
  std::array<char, 64> address{};
  if (driver.device_pci_bus_id != nullptr &&
      driver.device_pci_bus_id(address.data(), static_cast<int>(address.size()), handle) ==
          kSuccess) {
    info.pci_bus_id = address.data();
  }
  info.uuid = uuid_of(driver, handle);
  driver.device_attribute(&info.num_multiprocessors, kMultiprocessorCount, handle);
  driver.device_attribute(&info.compute_major, kComputeMajor, handle);
  driver.device_attribute(&info.compute_minor, kComputeMinor, handle);
  std::size_t bytes = 0;
  if (driver.device_memory(&bytes, handle) == kSuccess) {
    info.memory_bytes = static_cast<std::int64_t>(bytes);
  }
  return info;
}

}  // namespace

DeviceList list_devices() {
  DeviceList list;
  const Driver driver;
  if (!driver.loaded()) {
    list.unavailable = "no CUDA driver (libcuda.so.1 not found)";
    return list;
  }
  if (!driver.complete()) {
    list.unavailable = "the CUDA driver lacks an entry point";
    return list;
  }
  if (const Result result = driver.init(0); result != kSuccess) {
    list.unavailable = fmt::format("cuInit failed with CUresult {}", result);
    return list;
  }
  driver.driver_version(&list.driver_version);
  int count = 0;
  if (const Result result = driver.device_count(&count); result != kSuccess) {
    list.unavailable = fmt::format("cuDeviceGetCount failed with CUresult {}", result);
    return list;
  }
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    list.devices.push_back(describe(driver, ordinal));
  }
  if (list.devices.empty()) list.unavailable = "the CUDA driver shows no device";
  return list;
}

}  // namespace dsabench::cuda
