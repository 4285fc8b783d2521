#pragma once
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "harness/profile/device_monitor.h"

namespace dsabench {

/// Reads a monitor at once, then every `period` on a thread of its own, until finish.
class DeviceSampler {
 public:
  static constexpr std::chrono::milliseconds kPeriod{100};

  /// The monitor must outlive the sampler, and is no one else's meanwhile.
  explicit DeviceSampler(DeviceMonitor& monitor, std::chrono::milliseconds period = kPeriod);
  ~DeviceSampler();
  DeviceSampler(const DeviceSampler&) = delete;
  DeviceSampler& operator=(const DeviceSampler&) = delete;

  /// Ends with a last reading. Two samples or more, in order. Once.
  std::vector<DeviceSample> finish();

 private:
  using Clock = std::chrono::steady_clock;
  void take();
  void run(std::chrono::milliseconds period);
  void stop();

  DeviceMonitor& monitor_;
  const Clock::time_point started_ = Clock::now();
  std::vector<DeviceSample> samples_;  ///< the thread's while it runs
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace dsabench
