#pragma once
/// What holds the clocks of a GPU down: bits of DeviceSample::clock_limits, as NVML numbers its
/// clocks event reasons.
#include <cstdint>
#include <span>
#include <string>

#include "results/record.h"

namespace dsabench {

namespace clock_limits {
inline constexpr std::int64_t kPowerCap = 0x04;    ///< the software power cap: the power limit
inline constexpr std::int64_t kHwSlowdown = 0x08;  ///< the hardware halves the clocks or worse
inline constexpr std::int64_t kSwThermal = 0x20;
inline constexpr std::int64_t kHwThermal = 0x40;
inline constexpr std::int64_t kPowerBrake = 0x80;  ///< from outside: the power supply, the rack
/// Times taken under one of these are not those of the machine at work: docs/decisions/005.
inline constexpr std::int64_t kThrottled = kHwSlowdown | kSwThermal | kHwThermal | kPowerBrake;
}  // namespace clock_limits

/// "SW power cap, HW thermal slowdown"; bits without a name as a number; empty for none.
std::string clock_limit_names(std::int64_t bits);

/// Samples that say what limits them, and those of them that any of `bits` limits.
struct LimitedSamples {
  std::int64_t known = 0, limited = 0;
};
LimitedSamples count_limited(std::span<const DeviceSample> samples, std::int64_t bits);

}  // namespace dsabench
