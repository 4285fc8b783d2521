#pragma once
#include <span>
#include <string>

#include "results/record.h"

namespace dsabench {

/// Why times taken beside these readings are not to be trusted: "throttled: HW thermal slowdown in
/// 3 of 20 readings, SM clock 1980 to 1200 MHz, up to 91 °C". Empty where nothing speaks against
/// them; the software power cap does not (docs/decisions/005).
std::string throttle_reason(std::span<const DeviceSample> samples);

}  // namespace dsabench
