#include "harness/profile/throttle.h"

#include <fmt/format.h>

#include <algorithm>

#include "results/clock_limits.h"

namespace dsabench {

std::string throttle_reason(std::span<const DeviceSample> samples) {
  const LimitedSamples throttled = count_limited(samples, clock_limits::kThrottled);
  if (throttled.limited == 0) return {};
  std::int64_t bits = 0, slowest = -1, fastest = -1, hottest = -1;
  for (const DeviceSample& sample : samples) {
    if (sample.clock_limits >= 0) bits |= sample.clock_limits & clock_limits::kThrottled;
    hottest = std::max(hottest, sample.temperature_c);
    if (sample.sm_mhz < 0) continue;
    slowest = slowest < 0 ? sample.sm_mhz : std::min(slowest, sample.sm_mhz);
    fastest = std::max(fastest, sample.sm_mhz);
  }
  std::string reason = fmt::format("throttled: {} in {} of {} readings", clock_limit_names(bits),
                                   throttled.limited, throttled.known);
  if (fastest >= 0) reason += fmt::format(", SM clock {} to {} MHz", slowest, fastest);
  if (hottest >= 0) reason += fmt::format(", up to {} °C", hottest);
  return reason;
}

}  // namespace dsabench
