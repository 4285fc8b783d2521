#pragma once
/// What a device did while cells were timed, for the speed table and profiles.
#include <optional>
#include <vector>

#include "results/record.h"

namespace dsabench::report {

/// Over the samples of several trials; empty where the driver said nothing of the kind.
struct DeviceNumbers {
  std::optional<double> sm_mhz;          ///< median
  std::optional<double> temperature_c;   ///< largest
  std::optional<double> power_w;         ///< mean, see mean_power_w
  std::optional<double> capped_percent;  ///< samples under the software power cap
};
DeviceNumbers device_numbers(const std::vector<const TrialRecord*>& trials);

/// The power counter's difference over the trial's time, where it counted for a second or more
/// (it moves in steps of up to 100 ms); else the mean of the readings, which the driver averages.
/// Watt.
std::optional<double> mean_power_w(const TrialRecord& trial);

}  // namespace dsabench::report
