#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/scale.h"

namespace dsabench::ops::detail {

void scale_cpu(const ScaleArgs& args) {
  auto* values = args.values.data<float>();
  const float* scales = args.scales.empty() ? nullptr : args.scales.data<float>();
  for (std::int64_t i = 0; i < args.values.num_elements(); ++i) {
    values[i] *= args.factor * (scales != nullptr ? scales[i] : 1.0f);
  }
}

}  // namespace dsabench::ops::detail
