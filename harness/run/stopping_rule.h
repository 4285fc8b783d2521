#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace dsabench {

/// When samples suffice. One rule serves one trial.
class StoppingRule {
 public:
  virtual ~StoppingRule() = default;
  /// As trials record it.
  virtual std::string name() const = 0;
  /// Takes a sample's time, and the time since sampling began with all that lies between samples.
  virtual void add(std::int64_t sample_ns, std::int64_t elapsed_ns) = 0;
  /// Why sampling stops now ("noise", "count", "time"); empty while it goes on.
  virtual std::optional<std::string> reason() const = 0;
};

struct SamplingLimits {
  /// Half of the median's 95 % confidence interval as a share of the median.
  double noise_target = 0.02;
  std::int64_t min_samples = 5, max_samples = 30;
  double max_seconds = 60.0;  ///< looked at after each sample; wins over min_samples
  std::int64_t max_warmups = 5;

  bool operator==(const SamplingLimits&) const = default;
};
/// Throws InvalidArgument naming the value that is out of range.
void validate(const SamplingLimits& limits);
/// As plans and trials record them.
nlohmann::json to_json(const SamplingLimits& limits);

/// Stops at the first that holds: the time cap, the largest count, or the noise target with at
/// least the smallest count.
class MedianNoiseRule final : public StoppingRule {
 public:
  explicit MedianNoiseRule(const SamplingLimits& limits) : limits_(limits) {}
  std::string name() const override { return "median_noise"; }
  void add(std::int64_t sample_ns, std::int64_t elapsed_ns) override;
  std::optional<std::string> reason() const override;

 private:
  SamplingLimits limits_;
  std::vector<std::int64_t> samples_;
  std::int64_t elapsed_ns_ = 0;
};

using StoppingRuleFactory = std::function<std::unique_ptr<StoppingRule>(const SamplingLimits&)>;

/// Warm-up is over where a run is no more than 5 % faster than the one before it, at the limit of
/// count, or at a third of the time cap.
class WarmupRule {
 public:
  explicit WarmupRule(const SamplingLimits& limits) : limits_(limits) {}
  void add(std::int64_t sample_ns);
  bool done() const { return !reason_.empty(); }
  /// Why warm-up is over: "stable", "count" or "time"; empty while it is not.
  const std::string& reason() const { return reason_; }
  std::int64_t count() const { return count_; }

 private:
  SamplingLimits limits_;
  std::int64_t count_ = 0, previous_ns_ = 0, total_ns_ = 0;
  std::string reason_;
};

}  // namespace dsabench
