#pragma once
/// How ceilings are timed, on every device. Private to kernels/ceilings.
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/ceilings/ceilings.h"

namespace dsabench {

/// How long to run before samples count, and how long to take samples.
struct CeilingTiming {
  std::int64_t warm_up_ns = 0, sampling_ns = 0;
  int min_samples = 3;
};

/// The median of what `sample` returns, which is the time of one run in ns.
template <class Sample>
std::int64_t median_time(const CeilingTiming& timing, Sample&& sample) {
  for (std::int64_t spent = 0; spent <= timing.warm_up_ns;) {
    spent += std::max<std::int64_t>(sample(), 1);
  }
  std::vector<std::int64_t> times;
  for (std::int64_t spent = 0;
       spent < timing.sampling_ns || std::ssize(times) < timing.min_samples;) {
    times.push_back(std::max<std::int64_t>(sample(), 1));
    spent += times.back();
  }
  const auto middle = times.begin() + std::ssize(times) / 2;
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

/// A ceiling without a rate, where `measure` throws one of our errors: its note says why.
template <class Measure>
MeasuredCeiling try_ceiling(std::string name, std::string unit, Measure&& measure) {
  MeasuredCeiling ceiling{std::move(name), std::move(unit), 0, 0, {}};
  try {
    measure(ceiling);
  } catch (const Error& error) {
    ceiling.work = ceiling.nanoseconds = 0;
    ceiling.note = std::string("not measured: ") + error.what();
  }
  return ceiling;
}

/// Of the devices that builds differ in.
std::vector<MeasuredCeiling> measure_cpu_ceilings();
std::vector<MeasuredCeiling> measure_cuda_ceilings(Device device);

}  // namespace dsabench
