/// NVML on a real GPU: it is the one that CUDA means, and its readings make sense.
#include <fmt/format.h>

#include <chrono>

#include "harness/profile/device_sampler.h"
#include "harness/profile/nvml.h"
#include "kernels/ceilings/ceilings.h"
#include "kernels/cuda/device_list.h"
#include "results/clock_limits.h"
#include "tests/support/catch.h"

namespace dsabench {
namespace {

TEST_CASE("cuda: NVML's GPU is CUDA's, and its readings are those of a GPU at work") {
  const Device device{Device::Kind::cuda, 0};
  const cuda::DeviceInfo info = cuda::list_devices().devices.at(0);
  const MonitorChoice choice = open_monitor(device);
  INFO(choice.unavailable);
  REQUIRE(choice.monitor != nullptr);
  // With MIG the CUDA device is a part of NVML's.
  if (!Nvml().settings(info).mig.value_or(false)) CHECK(choice.monitor->uuid() == info.uuid);

  DeviceSampler sampler(*choice.monitor, std::chrono::milliseconds(20));
  measure_ceilings(device);
  const std::vector<DeviceSample> samples = sampler.finish();
  REQUIRE(samples.size() > 10);
  std::int64_t fastest = 0, hungriest = 0;
  for (const DeviceSample& sample : samples) {
    fastest = std::max(fastest, sample.sm_mhz);
    hungriest = std::max(hungriest, sample.power_mw);
    CHECK(sample.temperature_c > 10);
    CHECK(sample.temperature_c < 120);
    CHECK(sample.clock_limits >= 0);
  }
  CHECK(fastest > 500);
  CHECK(hungriest > 50'000);
  CHECK(samples.back().energy_mj > samples.front().energy_mj);
}

TEST_CASE("cuda: a reading takes little of the time between two") {
  const MonitorChoice choice = open_monitor({Device::Kind::cuda, 0});
  REQUIRE(choice.monitor != nullptr);
  choice.monitor->read();
  const auto start = std::chrono::steady_clock::now();
  constexpr int kReadings = 20;
  for (int i = 0; i < kReadings; ++i) choice.monitor->read();
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
  WARN(fmt::format("a reading takes {:.3f} ms", taken.count() / kReadings));
  CHECK(taken.count() / kReadings < 30.0);
}

}  // namespace
}  // namespace dsabench
