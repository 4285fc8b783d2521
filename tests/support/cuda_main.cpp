#include <cstdio>

#include "kernels/cuda/device_list.h"
#include "tests/support/run_catch.h"
#include "tests/support/test_device.h"

dsabench::Device dsabench::test::test_device() { return {Device::Kind::cuda, 0}; }

/// Without a device everything here is skipped: exit code 77, with the reason.
int main(int argc, char** argv) {
  const dsabench::cuda::DeviceList list = dsabench::cuda::list_devices();
  if (list.devices.empty()) {
    std::printf("skipped: %s\n", list.unavailable.c_str());
    return 77;
  }
  std::printf("on %s, driver CUDA %d\n", list.devices.front().name.c_str(), list.driver_version);
  return dsabench::test::run_catch(argc, argv);
}
