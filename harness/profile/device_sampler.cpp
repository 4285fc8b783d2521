#include "harness/profile/device_sampler.h"

namespace dsabench {

DeviceSampler::DeviceSampler(DeviceMonitor& monitor, std::chrono::milliseconds period)
    : monitor_(monitor) {
  take();
  thread_ = std::thread([this, period] { run(period); });
}

DeviceSampler::~DeviceSampler() { stop(); }

std::vector<DeviceSample> DeviceSampler::finish() {
  stop();
  take();
  return std::move(samples_);
}

void DeviceSampler::take() {
  DeviceSample sample = monitor_.read();
  sample.elapsed_ns =
      samples_.empty()
          ? 0
          : std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - started_).count();
  samples_.push_back(sample);
}

void DeviceSampler::run(std::chrono::milliseconds period) {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, period, [this] { return stopped_; })) take();
}

void DeviceSampler::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

}  // namespace dsabench
