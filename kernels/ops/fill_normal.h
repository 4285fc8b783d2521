#pragma once
#include <cstdint>

#include "kernels/base/context.h"
#include "kernels/ops/counter_random.h"

// The normal numbers: the eight bytes of one 64-bit hash are summed (Irwin-Hall of order 8). That
// is an integer, exact everywhere, and one float multiplication makes its variance 1. The
// distribution is symmetric and ends at 4.88 standard deviations, its excess kurtosis is -0.15, and
// it has 2,041 values, 0.005 apart: finer than bfloat16 near 1. No transcendental function is
// involved and no sum that a compiler may contract, so that CPUs and GPUs agree bit for bit.
//
// The hash is SplitMix64: element `index` of a stream is the output that follows `index` steps from
// a state that seed and stream fix.

namespace dsabench::ops {

/// State of the stream `stream` under `seed`.
constexpr std::uint64_t normal_stream(std::uint64_t seed, std::uint64_t stream) {
  return mix_bits(mix_bits(seed) ^ mix_bits(~stream));
}

/// Element `index` of a stream, standard normal.
DSABENCH_HOST_DEVICE constexpr float normal_at(std::uint64_t stream_state, std::uint64_t index) {
  constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15u;
  constexpr std::uint64_t kEvenBytes = 0x00ff00ff00ff00ffu;
  constexpr float kUnit = 1.0f / 418.0430600f;  // deviation of 2 * sum: sqrt(32 * (256^2 - 1) / 12)
  const std::uint64_t bits = mix_bits(stream_state + index * kStep);
  const std::uint64_t pairs = (bits & kEvenBytes) + ((bits >> 8) & kEvenBytes);
  const auto sum = static_cast<std::int32_t>((pairs * 0x0001000100010001u) >> 48);
  return static_cast<float>(2 * sum - 8 * 255) * kUnit;
}

/// out[i] = scale * normal_at(normal_stream(seed, stream), i) over all elements, row-major.
///   out  contiguous  f32, or bf16 on CUDA (the f32 values rounded to nearest, ties to even)
/// Throws InvalidArgument on a dtype or device mismatch.
struct FillNormalArgs {
  TensorView out;
  std::uint64_t seed = 0, stream = 0;
  float scale = 1.0f;
};
void fill_normal(const Context& ctx, const FillNormalArgs& args);

}  // namespace dsabench::ops
