#include <cblas.h>

#include "kernels/bench/workload.h"
#include "kernels/ops/linear.h"

namespace dsabench::bench {
namespace {

/// The ceiling that the other rates are a share of: OpenBLAS's own product of square matrices.
void sgemm_ceiling(benchmark::State& state) {
  const std::int64_t n = state.range(0);
  const Tensor a = normal_tensor({n, n}), b = normal_tensor({n, n});
  Tensor c(DType::f32, {n, n});
  const auto size = static_cast<blasint>(n);
  for ([[maybe_unused]] auto _ : state) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size, size, size, 1.0f, a.data<float>(),
                size, b.data<float>(), size, 0.0f, c.data<float>(), size);
  }
  const auto cube = static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
  report_work(state, 2.0 * cube, 12.0 * static_cast<double>(n * n));
}
BENCHMARK(sgemm_ceiling)->Arg(1024)->UseRealTime()->Unit(benchmark::kMillisecond);

void linear(benchmark::State& state) {
  const std::int64_t tokens = state.range(0), in = state.range(1), out = state.range(2);
  const Context ctx;
  const Tensor x = normal_tensor({tokens, in}), weight = normal_tensor({out, in});
  Tensor result(DType::f32, {tokens, out});
  for ([[maybe_unused]] auto _ : state) {
    ops::linear(ctx, {.x = x.view(), .weight = weight.view(), .bias = {}, .out = result.view()});
  }
  report_work(state, 2.0 * static_cast<double>(tokens * in * out),
              4.0 * static_cast<double>(tokens * in + in * out + tokens * out));
}
BENCHMARK(linear)
    ->ArgNames({"tokens", "in", "out"})
    ->Args({1, 2048, 2048})
    ->Args({4, 2048, 2048})
    ->Args({1024, 512, 2048})
    ->Args({1024, 2048, 2048})
    ->Args({1024, 768, 384})   // the preset cpu-bench, a chunk: q_a_proj
    ->Args({1024, 384, 1152})  // its q_b_proj
    ->Args({1024, 768, 768})   // its o_proj
    ->Args({1024, 768, 4096})  // its dense gate and up projection
    ->Args({1024, 2048, 768})  // its dense down projection
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace dsabench::bench
