#include "engine/model/shape_weights_random.h"

#include "engine/model/shape_weights.h"
#include "kernels/ops/counter_random.h"

// The normal numbers: the eight bytes of one 64-bit hash are summed (Irwin-Hall of order 8). That
// is an integer, exact everywhere, and one float multiplication makes its variance 1. The
// distribution is symmetric and ends at 4.88 standard deviations, its excess kurtosis is -0.15, and
// it has 2,041 values, 0.005 apart: finer than bfloat16 near 1. No transcendental function is
// involved and no sum that a compiler may contract, so that CPUs and GPUs agree bit for bit.
//
// The hash is SplitMix64: element `index` of a stream is the output that follows `index` steps from
// a state that seed and stream fix.

namespace dsabench {
namespace {

constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15u;
/// Standard deviation of 2 * sum: sqrt(4 * 8 * (256^2 - 1) / 12).
constexpr float kUnit = 1.0f / 418.0430600f;

std::uint64_t stream_start(std::uint64_t seed, std::uint64_t stream) {
  return ops::mix_bits(ops::mix_bits(seed) ^ ops::mix_bits(~stream));
}

float normal_at(std::uint64_t start, std::uint64_t index) {
  constexpr std::uint64_t kEvenBytes = 0x00ff00ff00ff00ffu;
  const std::uint64_t bits = ops::mix_bits(start + index * kStep);
  const std::uint64_t pairs = (bits & kEvenBytes) + ((bits >> 8) & kEvenBytes);
  const auto sum = static_cast<std::int32_t>((pairs * 0x0001000100010001u) >> 48);
  return static_cast<float>(2 * sum - 8 * 255) * kUnit;
}

}  // namespace

float shape_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  return normal_at(stream_start(seed, stream), index);
}

void fill_shape_normal(TensorView matrix, std::uint64_t seed, std::uint64_t stream, float scale) {
  constexpr std::int64_t kBlock = 1 << 14;
  const std::uint64_t start = stream_start(seed, stream);
  const std::int64_t count = matrix.num_elements();
  float* out = matrix.data<float>();
#pragma omp parallel for schedule(static) if (count > kBlock)
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t end = begin + kBlock < count ? begin + kBlock : count;
    for (std::int64_t i = begin; i < end; ++i) {
      out[i] = normal_at(start, static_cast<std::uint64_t>(i)) * scale;
    }
  }
}

}  // namespace dsabench
