#include "kernels/bench/workload.h"
#include "kernels/ops/indexer_topk.h"
#include "kernels/ops/quantize_fp8.h"

namespace dsabench::bench {
namespace {

/// Rows with scales, quantised as the engine does it: one block a row.
struct Codes {
  Codes(const Context& ctx, const Tensor& values)
      : codes(DType::f8_e4m3, {values.dim(0), values.dim(1)}),
        scales(DType::f32, {values.dim(0), 1}) {
    ops::quantize_fp8(
        ctx,
        {.x = values.view(), .out = codes.view(), .scales = scales.view(), .block = values.dim(1)});
  }
  Tensor codes, scales;
};

/// A chunk of queries at the end of `keys` keys.
void indexer_topk(benchmark::State& state) {
  const std::int64_t heads = state.range(0), dim = state.range(1), top_k = state.range(2);
  const std::int64_t chunk = state.range(3), keys = state.range(4);
  const bool fp8 = state.range(5) != 0;
  const Context ctx;
  const Tensor q = normal_tensor({chunk * heads, dim}), key_rows = normal_tensor({keys, dim});
  const Tensor head_weights = normal_tensor({chunk, heads});
  const Codes q_codes(ctx, q), key_codes(ctx, key_rows);
  Tensor indices(DType::i32, {chunk, top_k});
  std::uint64_t runs = 0;
  std::vector<ops::IndexerSequence> sequences = {{{0, chunk, keys - chunk}, key_rows.view(), {}}};
  if (fp8) {
    sequences[0].keys = key_codes.codes.view();
    sequences[0].key_scales = key_codes.scales.view().reshaped({keys});
  }
  const ConstTensorView queries = fp8 ? q_codes.codes.view() : q.view();
  for ([[maybe_unused]] auto _ : state) {
    ops::indexer_topk(ctx, {.q = queries.reshaped({chunk, heads, dim}),
                            .head_weights = head_weights.view(),
                            .sequences = sequences,
                            .top_k = top_k,
                            .indices = indices.view(),
                            .margins = {},
                            .run_counter = &runs});
  }
  const double pairs = causal_pairs(keys - chunk, chunk);
  report_work(state, 2.0 * static_cast<double>(heads * dim) * pairs,
              static_cast<double>(dtype_bytes(queries.dtype()) * (chunk * heads + keys) * dim) +
                  4.0 * static_cast<double>(chunk * top_k));
}
BENCHMARK(indexer_topk)
    ->ArgNames({"heads", "dim", "k", "chunk", "keys", "fp8"})
    ->Args({8, 64, 512, 1024, 8192, 0})
    ->Args({8, 64, 512, 1024, 32768, 0})
    ->Args({8, 64, 512, 1024, 32768, 1})
    ->Args({32, 128, 2048, 256, 32768, 0})
    ->Args({8, 64, 512, 1, 32768, 0})
    ->Args({32, 128, 2048, 1, 131072, 0})
    ->Args({32, 128, 2048, 1, 131072, 1})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace dsabench::bench
