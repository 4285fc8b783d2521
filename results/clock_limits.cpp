#include "results/clock_limits.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace dsabench {
namespace {

constexpr std::array<std::pair<std::int64_t, const char*>, 9> kLimitNames = {
    {{0x001, "idle"},
     {0x002, "application clocks"},
     {clock_limits::kPowerCap, "SW power cap"},
     {clock_limits::kHwSlowdown, "HW slowdown"},
     {0x010, "sync boost"},
     {clock_limits::kSwThermal, "SW thermal slowdown"},
     {clock_limits::kHwThermal, "HW thermal slowdown"},
     {clock_limits::kPowerBrake, "HW power brake"},
     {0x100, "display clocks"}}};

}  // namespace

std::string clock_limit_names(std::int64_t bits) {
  std::string names;
  const auto add = [&names](const std::string& name) {
    names += (names.empty() ? "" : ", ") + name;
  };
  for (const auto& [bit, name] : kLimitNames) {
    if ((bits & bit) == 0) continue;
    add(name);
    bits &= ~bit;
  }
  if (bits != 0) add(fmt::format("{:#x}", static_cast<std::uint64_t>(bits)));
  return names;
}

LimitedSamples count_limited(std::span<const DeviceSample> samples, std::int64_t bits) {
  LimitedSamples count;
  for (const DeviceSample& sample : samples) {
    if (sample.clock_limits < 0) continue;
    ++count.known;
    if ((sample.clock_limits & bits) != 0) ++count.limited;
  }
  return count;
}

}  // namespace dsabench
