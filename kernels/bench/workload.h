#pragma once
/// Random inputs and declared work for the operator benchmarks.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "kernels/base/tensor.h"

namespace dsabench::bench {

/// N(0, 1) from a fixed seed: the same data in every run.
inline Tensor normal_tensor(std::vector<std::int64_t> shape) {
  Tensor tensor(DType::f32, std::move(shape));
  std::mt19937 engine(1);
  std::normal_distribution<float> normal;
  const std::int64_t count = tensor.view().num_elements();
  for (std::int64_t i = 0; i < count; ++i) tensor.data<float>()[i] = normal(engine);
  return tensor;
}

/// Declares one iteration's floating-point operations and the bytes it must move, printed as rates.
inline void report_work(benchmark::State& state, double flops, double bytes) {
  using benchmark::Counter;
  state.counters["FLOP/s"] = Counter(flops, Counter::kIsIterationInvariantRate);
  state.counters["B/s"] = Counter(bytes, Counter::kIsIterationInvariantRate);
}

/// Causal (query, key) pairs of rows at positions first, first + 1, ...
inline double causal_pairs(std::int64_t first, std::int64_t rows) {
  return static_cast<double>(rows) *
         (static_cast<double>(first) + (static_cast<double>(rows) + 1.0) / 2.0);
}

}  // namespace dsabench::bench
