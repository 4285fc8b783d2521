#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace dsabench::cuda {

/// One CUDA device as the driver describes it.
struct DeviceInfo {
  int ordinal = 0;
  std::string name;
  std::string pci_bus_id;  ///< "0000:1B:00.0"; empty where the driver does not say
  std::string uuid;        ///< "GPU-...", as NVML writes it; empty likewise
  int compute_major = 0, compute_minor = 0;
  int num_multiprocessors = 0;
  std::int64_t memory_bytes = 0;
};

struct DeviceList {
  std::vector<DeviceInfo> devices;
  int driver_version = 0;   ///< as the driver reports it: 13000 is CUDA 13.0
  std::string unavailable;  ///< why there are no devices; empty where there are some
};

/// Asks the CUDA driver, which is loaded at run time: works in every build and on machines without
/// one. Throws nothing.
DeviceList list_devices();

}  // namespace dsabench::cuda
