#define CATCH_CONFIG_RUNNER
#include <cstdio>

#include "kernels/cuda/device_list.h"
#include "tests/support/catch.h"

/// Without a device everything here is skipped: exit code 77, with the reason.
int main(int argc, char** argv) {
  const dsabench::cuda::DeviceList list = dsabench::cuda::list_devices();
  if (list.devices.empty()) {
    std::printf("skipped: %s\n", list.unavailable.c_str());
    return 77;
  }
  std::printf("on %s, driver CUDA %d\n", list.devices.front().name.c_str(), list.driver_version);
  return Catch::Session().run(argc, argv);
}
