#include "harness/run/stopping_rule.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kernels/base/error.h"
#include "results/statistics.h"

namespace dsabench {
namespace {

constexpr double kNanosecondsPerSecond = 1e9;
constexpr double kWarmupGain = 0.05;

}  // namespace

void validate(const SamplingLimits& limits) {
  if (!(limits.noise_target >= 0.0 && limits.noise_target <= 1.0)) {
    throw InvalidArgument(
        fmt::format("--noise: expected a share from 0 to 1, got {}", limits.noise_target));
  }
  if (limits.min_samples < 1 || limits.max_samples < limits.min_samples) {
    throw InvalidArgument(
        fmt::format("--min-samples and --max-samples: expected 1 <= min <= max, got {} and {}",
                    limits.min_samples, limits.max_samples));
  }
  if (!(limits.max_seconds > 0.0)) {
    throw InvalidArgument(
        fmt::format("--max-seconds: expected a time above 0, got {}", limits.max_seconds));
  }
  if (limits.max_warmups < 1) {
    throw InvalidArgument(
        fmt::format("--max-warmups: expected at least 1, got {}", limits.max_warmups));
  }
}

nlohmann::json to_json(const SamplingLimits& limits) {
  return {{"noise", limits.noise_target},
          {"min_samples", limits.min_samples},
          {"max_samples", limits.max_samples},
          {"max_seconds", limits.max_seconds},
          {"max_warmups", limits.max_warmups}};
}

void MedianNoiseRule::add(std::int64_t sample_ns, std::int64_t elapsed_ns) {
  samples_.push_back(sample_ns);
  elapsed_ns_ = elapsed_ns;
}

std::optional<std::string> MedianNoiseRule::reason() const {
  const auto count = static_cast<std::int64_t>(samples_.size());
  if (count == 0) return std::nullopt;
  if (double(elapsed_ns_) >= limits_.max_seconds * kNanosecondsPerSecond) return "time";
  if (count >= limits_.max_samples) return "count";
  if (count < limits_.min_samples) return std::nullopt;
  const Summary summary = summarize(samples_);
  const double half_interval = (summary.median_high - summary.median_low) / 2;
  if (half_interval <= limits_.noise_target * summary.median) return "noise";
  return std::nullopt;
}

void WarmupRule::add(std::int64_t sample_ns) {
  const bool stable = count_ > 0 && double(sample_ns) >= (1.0 - kWarmupGain) * double(previous_ns_);
  ++count_;
  previous_ns_ = sample_ns;
  total_ns_ += sample_ns;
  if (stable) {
    reason_ = "stable";
  } else if (count_ >= limits_.max_warmups) {
    reason_ = "count";
  } else if (double(total_ns_) >= limits_.max_seconds * kNanosecondsPerSecond / 3) {
    reason_ = "time";
  }
}

}  // namespace dsabench
