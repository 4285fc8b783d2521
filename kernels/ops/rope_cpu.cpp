#include <cmath>

#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/rope.h"
#include "kernels/ops/row_steps.h"

namespace dsabench::ops::detail {

void rope_angles_cpu(const RopeAnglesArgs& args) {
  const std::int64_t tokens = args.positions.dim(0), pairs = args.cos.dim(1);
  const auto* positions = args.positions.data<std::int32_t>();
  const float* inv_freq = args.frequencies->inv_freq.data();
  const float magnitude = args.frequencies->magnitude;
#pragma omp parallel for schedule(static) if (tokens * pairs > kMinParallelElements / 16)
  for (std::int64_t t = 0; t < tokens; ++t) {
    float* cos = args.cos.row<float>(t);
    float* sin = args.sin.row<float>(t);
    for (std::int64_t i = 0; i < pairs; ++i) {
      const float angle = static_cast<float>(positions[t]) * inv_freq[i];
      cos[i] = static_cast<float>(std::cos(static_cast<double>(angle))) * magnitude;
      sin[i] = static_cast<float>(std::sin(static_cast<double>(angle))) * magnitude;
    }
  }
}

void rope_cpu(const RopeArgs& args) {
  const std::int64_t tokens = args.x.dim(0), heads = args.x.dim(1), pairs = args.x.dim(2) / 2;
#pragma omp parallel for schedule(static) if (tokens * heads * pairs > kMinParallelElements)
  for (std::int64_t t = 0; t < tokens; ++t) {
    const float* cos = args.cos.row<float>(t);
    const float* sin = args.sin.row<float>(t);
    for (std::int64_t h = 0; h < heads; ++h) {
      rope_row(args.x.row<float>(t) + h * args.x.stride(1), args.layout, cos, sin, pairs);
    }
  }
}

}  // namespace dsabench::ops::detail
