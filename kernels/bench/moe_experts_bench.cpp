#include "kernels/bench/workload.h"
#include "kernels/ops/moe_experts.h"

namespace dsabench::bench {
namespace {

void moe_experts(benchmark::State& state) {
  const std::int64_t hidden = state.range(0), intermediate = state.range(1);
  const std::int64_t num_experts = state.range(2), top_n = state.range(3), tokens = state.range(4);
  const Context ctx;
  const Tensor x = normal_tensor({tokens, hidden}), weights = normal_tensor({tokens, top_n});
  const Tensor gate_up = normal_tensor({num_experts, 2 * intermediate, hidden});
  const Tensor down = normal_tensor({num_experts, hidden, intermediate});
  Tensor experts(DType::i32, {tokens, top_n}), out(DType::f32, {tokens, hidden});
  for (std::int64_t i = 0; i < tokens * top_n; ++i) {
    experts.data<std::int32_t>()[i] = static_cast<std::int32_t>(i * 7 % num_experts);
  }
  for ([[maybe_unused]] auto _ : state) {
    ops::moe_experts(ctx, {.x = x.view(),
                           .experts = experts.view(),
                           .weights = weights.view(),
                           .gate_up = gate_up.view(),
                           .down = down.view(),
                           .out = out.view(),
                           .load = {}});
  }
  const std::int64_t pairs = tokens * top_n, used = std::min(pairs, num_experts);
  report_work(state, 6.0 * static_cast<double>(hidden * intermediate * pairs),
              12.0 * static_cast<double>(hidden * intermediate * used));
}
BENCHMARK(moe_experts)
    ->ArgNames({"hidden", "inter", "experts", "n", "tokens"})
    ->Args({512, 256, 16, 4, 1024})
    ->Args({768, 384, 8, 2, 1024})  // the preset cpu-bench, a chunk
    ->Args({2048, 1536, 8, 4, 256})
    ->Args({2048, 1536, 8, 4, 4})
    ->Args({2048, 1536, 8, 4, 1})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace dsabench::bench
