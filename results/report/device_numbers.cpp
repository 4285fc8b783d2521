#include "results/report/device_numbers.h"

#include <algorithm>

#include "results/clock_limits.h"
#include "results/statistics.h"

namespace dsabench::report {
namespace {

double difference(const TrialRecord& trial, std::int64_t DeviceSample::*field) {
  const auto& samples = trial.device_samples;
  if (samples.empty()) return 0;
  return static_cast<double>(samples.back().*field) - static_cast<double>(samples.front().*field);
}

double watched_seconds(const TrialRecord& trial) {
  return difference(trial, &DeviceSample::elapsed_ns) * 1e-9;
}

/// The readings that the driver gave.
std::vector<std::int64_t> known(const std::vector<const TrialRecord*>& trials,
                                std::int64_t DeviceSample::*field) {
  std::vector<std::int64_t> values;
  for (const TrialRecord* trial : trials) {
    for (const DeviceSample& sample : trial->device_samples) {
      if (sample.*field >= 0) values.push_back(sample.*field);
    }
  }
  return values;
}

}  // namespace

std::optional<double> mean_power_w(const TrialRecord& trial) {
  const auto& samples = trial.device_samples;
  const double seconds = watched_seconds(trial);
  if (seconds >= 1 && samples.front().energy_mj >= 0 &&
      samples.back().energy_mj > samples.front().energy_mj) {
    return difference(trial, &DeviceSample::energy_mj) * 1e-3 / seconds;
  }
  double sum = 0;
  std::int64_t count = 0;
  for (const DeviceSample& sample : samples) {
    if (sample.power_mw < 0) continue;
    sum += static_cast<double>(sample.power_mw) * 1e-3;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

DeviceNumbers device_numbers(const std::vector<const TrialRecord*>& trials) {
  DeviceNumbers numbers;
  if (const auto clocks = known(trials, &DeviceSample::sm_mhz); !clocks.empty()) {
    numbers.sm_mhz = quantile(clocks, 0.5);
  }
  if (const auto degrees = known(trials, &DeviceSample::temperature_c); !degrees.empty()) {
    numbers.temperature_c = static_cast<double>(*std::max_element(degrees.begin(), degrees.end()));
  }
  double energy = 0, time = 0;
  LimitedSamples capped;
  for (const TrialRecord* trial : trials) {
    const LimitedSamples more = count_limited(trial->device_samples, clock_limits::kPowerCap);
    capped.known += more.known;
    capped.limited += more.limited;
    const std::optional<double> power = mean_power_w(*trial);
    if (!power) continue;
    // A trial of one reading has no length, and still a say.
    const double weight = std::max(watched_seconds(*trial), 1e-9);
    energy += *power * weight;
    time += weight;
  }
  if (time > 0) numbers.power_w = energy / time;
  if (capped.known > 0) {
    numbers.capped_percent =
        100.0 * static_cast<double>(capped.limited) / static_cast<double>(capped.known);
  }
  return numbers;
}

}  // namespace dsabench::report
