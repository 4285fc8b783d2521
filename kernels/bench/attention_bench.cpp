#include <algorithm>
#include <numeric>

#include "kernels/bench/workload.h"
#include "kernels/ops/dense_mla.h"
#include "kernels/ops/sparse_mla.h"

namespace dsabench::bench {
namespace {

struct Inputs {
  Inputs(std::int64_t heads, std::int64_t latent, std::int64_t rope, std::int64_t tokens,
         std::int64_t keys)
      : q_latent(normal_tensor({tokens, heads, latent})),
        q_rope(normal_tensor({tokens, heads, rope})),
        latents(normal_tensor({keys, latent + rope})),
        out(DType::f32, {tokens, heads, latent}),
        sequences{{{0, tokens, keys - tokens}, latents.view()}} {}

  Tensor q_latent, q_rope, latents, out;
  std::vector<ops::LatentSequence> sequences;
};

double pair_flops(std::int64_t heads, std::int64_t latent, std::int64_t rope) {
  return 2.0 * static_cast<double>(heads * (2 * latent + rope));
}

void sparse_mla(benchmark::State& state) {
  const std::int64_t heads = state.range(0), latent = state.range(1), rope = state.range(2);
  const std::int64_t top_k = state.range(3), tokens = state.range(4), keys = state.range(5);
  const Context ctx;
  Inputs in(heads, latent, rope, tokens, keys);
  Tensor indices(DType::i32, {tokens, top_k});
  std::mt19937 engine(2);
  std::vector<std::int32_t> positions(static_cast<std::size_t>(keys - tokens));
  std::iota(positions.begin(), positions.end(), 0);
  for (std::int64_t t = 0; t < tokens; ++t) {
    std::sample(positions.begin(), positions.end(), indices.view().row<std::int32_t>(t), top_k,
                engine);
  }
  for ([[maybe_unused]] auto _ : state) {
    ops::sparse_mla(ctx, {.q_latent = in.q_latent.view(),
                          .q_rope = in.q_rope.view(),
                          .indices = indices.view(),
                          .sequences = in.sequences,
                          .out = in.out.view(),
                          .scale = 0.05f});
  }
  const auto pairs = static_cast<double>(tokens * top_k);
  report_work(state, pair_flops(heads, latent, rope) * pairs,
              4.0 * static_cast<double>(latent + rope) * pairs);
}
BENCHMARK(sparse_mla)
    ->ArgNames({"heads", "latent", "rope", "k", "tokens", "keys"})
    ->Args({8, 128, 32, 512, 256, 8192})
    ->Args({12, 256, 32, 512, 1024, 8192})  // the preset cpu-bench, its last chunk
    ->Args({20, 512, 64, 2048, 64, 32768})
    ->Args({20, 512, 64, 2048, 1, 32768})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void dense_mla(benchmark::State& state) {
  const std::int64_t heads = state.range(0), latent = state.range(1), rope = state.range(2);
  const std::int64_t tokens = state.range(3), keys = state.range(4);
  const Context ctx;
  Inputs in(heads, latent, rope, tokens, keys);
  for ([[maybe_unused]] auto _ : state) {
    ops::dense_mla(ctx, {.q_latent = in.q_latent.view(),
                         .q_rope = in.q_rope.view(),
                         .sequences = in.sequences,
                         .out = in.out.view(),
                         .scale = 0.05f});
  }
  report_work(state, pair_flops(heads, latent, rope) * causal_pairs(keys - tokens, tokens),
              4.0 * static_cast<double>((latent + rope) * keys));
}
BENCHMARK(dense_mla)
    ->ArgNames({"heads", "latent", "rope", "tokens", "keys"})
    ->Args({8, 128, 32, 256, 8192})
    ->Args({20, 512, 64, 64, 8192})
    ->Args({20, 512, 64, 1, 32768})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace dsabench::bench
