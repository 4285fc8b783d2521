#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/fill_normal.h"

namespace dsabench::ops::detail {

void fill_normal_cpu(const FillNormalArgs& args) {
  constexpr std::int64_t kBlock = 1 << 14;
  const std::uint64_t state = normal_stream(args.seed, args.stream);
  const std::int64_t count = args.out.num_elements();
  float* out = args.out.data<float>();
#pragma omp parallel for schedule(static) if (count > kBlock)
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t end = begin + kBlock < count ? begin + kBlock : count;
    for (std::int64_t i = begin; i < end; ++i) {
      out[i] = normal_at(state, static_cast<std::uint64_t>(i)) * args.scale;
    }
  }
}

}  // namespace dsabench::ops::detail
