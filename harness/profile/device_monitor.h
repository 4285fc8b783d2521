#pragma once
#include <memory>
#include <optional>
#include <string>

#include "kernels/base/device.h"
#include "results/record.h"

namespace dsabench {

/// Reads what a device says of its clocks, power and temperature, beside the work that runs on it:
/// makes no CUDA call. Of one thread at a time.
class DeviceMonitor {
 public:
  virtual ~DeviceMonitor() = default;
  /// All but elapsed_ns; -1 for what the driver does not say. Throws nothing.
  virtual DeviceSample read() noexcept = 0;
  /// "GPU-5d2b...": which of several alike; empty where unknown.
  virtual std::string uuid() const = 0;
};

/// A monitor, or why there is none; neither for the CPU, which has no clocks to watch.
struct MonitorChoice {
  std::shared_ptr<DeviceMonitor> monitor;
  std::string unavailable;
};

/// Of a CUDA device through NVML. Throws nothing.
MonitorChoice open_monitor(Device device);

/// Settings of a GPU that change how fast it runs; absent: the driver does not say.
struct DeviceSettings {
  std::string driver_version;
  std::optional<std::int64_t> power_limit_mw;  ///< as enforced
  std::optional<std::int64_t> max_sm_mhz, max_memory_mhz;
  std::optional<std::int64_t> application_sm_mhz, application_memory_mhz;
  std::optional<bool> ecc, persistence, mig;
};

}  // namespace dsabench
