// Any text either is refused with an error of ours that names the file, or gives a policy whose
// numbers a gate can work with.
#include <cstdlib>
#include <string>

#include "kernels/base/error.h"
#include "results/gate.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace dsabench;
  const std::string text(reinterpret_cast<const char*>(data), size);
  GatePolicy policy;
  try {
    policy = parse_gate_policy(text, "gate.json");
  } catch (const Error& error) {
    if (std::string(error.what()).rfind("gate.json", 0) != 0) std::abort();
    return 0;
  }
  const auto inside = [](double value, double low, double high) {
    return value >= low && value <= high;  // false for NaN
  };
  bool sound = !policy.metrics.empty() && inside(policy.alpha, 0, 0.5) && policy.alpha > 0 &&
               inside(policy.confidence, 0, 1) && policy.confidence > 0 && policy.confidence < 1 &&
               inside(policy.noise_factor, 0, 100);
  for (const GatedMetric& metric : policy.metrics) {
    sound = sound && !metric.metric.empty() &&
            inside(metric.margin, 0, metric.kind == MetricKind::time ? 1 : 100);
  }
  if (!sound) std::abort();
  return 0;
}
