#include "harness/profile/nvml.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

// The few entry points and constants of nvml.h (stable ABI) that are needed here.
using Result = int;
using Handle = struct NvmlDevice*;
constexpr Result kSuccess = 0;
constexpr int kClockSm = 1, kClockMemory = 2;
constexpr int kSensorGpu = 0;

}  // namespace

class Nvml::Library {
 public:
  explicit Library(const std::string& name)
      : name_(name), library_(dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (library_ == nullptr) {
      const char* reason = dlerror();
      throw UnsupportedDevice(fmt::format("{} (NVML) cannot be loaded: {}", name,
                                          reason == nullptr ? "not found" : reason));
    }
    require("nvmlInit_v2", init);
    require("nvmlDeviceGetHandleByPciBusId_v2", by_pci_bus_id);
    require("nvmlDeviceGetHandleByUUID", by_uuid);
    require("nvmlDeviceGetClockInfo", clock);
    if (!load("nvmlDeviceGetCurrentClocksEventReasons", clock_limits)) {
      load("nvmlDeviceGetCurrentClocksThrottleReasons", clock_limits);  // its name until 535
    }
    load("nvmlErrorString", error_string);
    load("nvmlSystemGetDriverVersion", driver_version);
    load("nvmlDeviceGetUUID", uuid);
    load("nvmlDeviceGetMaxClockInfo", max_clock);
    load("nvmlDeviceGetApplicationsClock", application_clock);
    load("nvmlDeviceGetPowerUsage", power);
    load("nvmlDeviceGetEnforcedPowerLimit", power_limit);
    load("nvmlDeviceGetTotalEnergyConsumption", energy);
    load("nvmlDeviceGetTemperature", temperature);
    load("nvmlDeviceGetEccMode", ecc);
    load("nvmlDeviceGetMigMode", mig);
    load("nvmlDeviceGetPersistenceMode", persistence);
    if (const Result result = init(); result != kSuccess) {
      throw UnsupportedDevice(fmt::format("{} (NVML) does not start: {}", name, text_of(result)));
    }
  }

  Handle find(const cuda::DeviceInfo& device) const {
    Handle handle = nullptr;
    Result result = -1;
    if (!device.pci_bus_id.empty()) result = by_pci_bus_id(device.pci_bus_id.c_str(), &handle);
    if (result != kSuccess && !device.uuid.empty()) result = by_uuid(device.uuid.c_str(), &handle);
    if (result != kSuccess) {
      throw UnsupportedDevice(fmt::format("{} (NVML) shows no GPU at {} ({}): {}", name_,
                                          device.pci_bus_id, device.name, text_of(result)));
    }
    return handle;
  }

  Result (*init)() = nullptr;
  const char* (*error_string)(Result) = nullptr;
  Result (*driver_version)(char* text, unsigned length) = nullptr;
  Result (*by_pci_bus_id)(const char* id, Handle* handle) = nullptr;
  Result (*by_uuid)(const char* uuid, Handle* handle) = nullptr;
  Result (*uuid)(Handle handle, char* text, unsigned length) = nullptr;
  Result (*clock)(Handle handle, int kind, unsigned* mhz) = nullptr;
  Result (*max_clock)(Handle handle, int kind, unsigned* mhz) = nullptr;
  Result (*application_clock)(Handle handle, int kind, unsigned* mhz) = nullptr;
  Result (*clock_limits)(Handle handle, unsigned long long* bits) = nullptr;
  Result (*power)(Handle handle, unsigned* milliwatts) = nullptr;
  Result (*power_limit)(Handle handle, unsigned* milliwatts) = nullptr;
  Result (*energy)(Handle handle, unsigned long long* millijoules) = nullptr;
  Result (*temperature)(Handle handle, int sensor, unsigned* degrees) = nullptr;
  Result (*ecc)(Handle handle, int* current, int* pending) = nullptr;
  Result (*mig)(Handle handle, unsigned* current, unsigned* pending) = nullptr;
  Result (*persistence)(Handle handle, int* on) = nullptr;

 private:
  template <class Function>
  bool load(const char* entry, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library_, entry));
    return function != nullptr;
  }
  template <class Function>
  void require(const char* entry, Function& function) {
    if (load(entry, function)) return;
    throw UnsupportedDevice(fmt::format("{} (NVML) has no entry point {}", name_, entry));
  }
  std::string text_of(Result result) const {
    const char* text = error_string == nullptr ? nullptr : error_string(result);
    return fmt::format("{} (nvmlReturn_t {})", text == nullptr ? "failed" : text, result);
  }

  std::string name_;
  void* library_;  // never unloaded or shut down: what others of this process use of it stays
};

namespace {

/// What `call` writes into one number; nothing where the driver has no such call or refuses it.
template <class Value, class Function, class... Arguments>
std::optional<std::int64_t> ask(Function call, Arguments... arguments) {
  Value value = 0;
  if (call == nullptr || call(arguments..., &value) != kSuccess) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

/// The same of calls that also tell what comes into force at the next start.
template <class Value, class Function>
std::optional<bool> ask_mode(Function call, Handle handle) {
  Value current = 0, pending = 0;
  if (call == nullptr || call(handle, &current, &pending) != kSuccess) return std::nullopt;
  return current != 0;
}

template <class Function, class... Arguments>
std::string ask_text(Function call, Arguments... arguments) {
  std::array<char, 96> text{};
  if (call == nullptr ||
      call(arguments..., text.data(), static_cast<unsigned>(text.size() - 1)) != kSuccess) {
    return {};
  }
  return text.data();
}

}  // namespace

class NvmlMonitor final : public DeviceMonitor {
 public:
  NvmlMonitor(std::shared_ptr<const Nvml::Library> library, Handle handle)
      : library_(std::move(library)), handle_(handle) {}

  DeviceSample read() noexcept override {
    const Nvml::Library& nvml = *library_;
    DeviceSample sample;
    sample.sm_mhz = ask<unsigned>(nvml.clock, handle_, kClockSm).value_or(-1);
    sample.memory_mhz = ask<unsigned>(nvml.clock, handle_, kClockMemory).value_or(-1);
    sample.power_mw = ask<unsigned>(nvml.power, handle_).value_or(-1);
    sample.energy_mj = ask<unsigned long long>(nvml.energy, handle_).value_or(-1);
    sample.temperature_c = ask<unsigned>(nvml.temperature, handle_, kSensorGpu).value_or(-1);
    sample.clock_limits = ask<unsigned long long>(nvml.clock_limits, handle_).value_or(-1);
    return sample;
  }
  std::string uuid() const override { return ask_text(library_->uuid, handle_); }

 private:
  std::shared_ptr<const Nvml::Library> library_;
  Handle handle_;
};

Nvml::Nvml(const std::string& library) : library_(std::make_shared<const Library>(library)) {}

std::shared_ptr<DeviceMonitor> Nvml::monitor(const cuda::DeviceInfo& device) const {
  return std::make_shared<NvmlMonitor>(library_, library_->find(device));
}

DeviceSettings Nvml::settings(const cuda::DeviceInfo& device) const {
  const Library& nvml = *library_;
  const Handle handle = nvml.find(device);
  DeviceSettings settings;
  settings.driver_version = ask_text(nvml.driver_version);
  settings.power_limit_mw = ask<unsigned>(nvml.power_limit, handle);
  settings.max_sm_mhz = ask<unsigned>(nvml.max_clock, handle, kClockSm);
  settings.max_memory_mhz = ask<unsigned>(nvml.max_clock, handle, kClockMemory);
  settings.application_sm_mhz = ask<unsigned>(nvml.application_clock, handle, kClockSm);
  settings.application_memory_mhz = ask<unsigned>(nvml.application_clock, handle, kClockMemory);
  settings.ecc = ask_mode<int>(nvml.ecc, handle);
  settings.mig = ask_mode<unsigned>(nvml.mig, handle);
  if (const auto on = ask<int>(nvml.persistence, handle)) settings.persistence = *on != 0;
  return settings;
}

MonitorChoice open_monitor(Device device) {
  if (device.is_cpu()) return {};
  try {
    const cuda::DeviceList list = cuda::list_devices();
    if (device.ordinal >= static_cast<int>(list.devices.size())) {
      return {nullptr, fmt::format("{} is not there", device.name())};
    }
    return {Nvml().monitor(list.devices[static_cast<std::size_t>(device.ordinal)]), {}};
  } catch (const std::exception& error) {
    return {nullptr, error.what()};
  }
}

}  // namespace dsabench
