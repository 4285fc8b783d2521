// Times of the CUDA operators beside the ceilings of the machine, measured in the same run: random
// data, CUDA events, medians. usage: dsabench_bench_cuda [name prefix]
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <numeric>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include "kernels/base/float_formats.h"
#include "kernels/base/tensor.h"
#include "kernels/ceilings/ceilings.h"
#include "kernels/cuda/check.h"
#include "kernels/cuda/device_list.h"
#include "kernels/cuda/device_tensor.h"
#include "kernels/cuda/graph.h"
#include "kernels/cuda/stream.h"
#include "kernels/ops/dense_mla.h"
#include "kernels/ops/fp8_latents.h"
#include "kernels/ops/indexer_topk.h"
#include "kernels/ops/moe_experts.h"
#include "kernels/ops/rms_norm.h"
#include "kernels/ops/sparse_mla.h"

namespace dsabench::bench {
namespace {

constexpr int kSamples = 9;

class CudaBench {
 public:
  explicit CudaBench(std::string_view prefix) : prefix_(prefix) {
    ctx_.device = {Device::Kind::cuda, 0};
    ctx_.stream = stream_.get();
  }
  const Context& ctx() const { return ctx_; }
  bool wants(std::string_view name) const { return name.starts_with(prefix_); }

  TensorView make(DType dtype, std::vector<std::int64_t> shape) {
    memory_.emplace_back(ctx_.device, dtype, std::move(shape), stream_.get());
    return memory_.back().view();
  }
  TensorView put(const Tensor& host) {
    const TensorView view = make(host.dtype(), {host.shape().begin(), host.shape().end()});
    cuda::copy(view, host.view(), stream_.get());
    stream_.synchronize();
    return view;
  }
  /// N(0, sigma^2) as f32, bf16 or e4m3. Large tensors repeat a block of a million values, of a
  /// length that divides no power of two.
  TensorView normal(DType dtype, std::vector<std::int64_t> shape, float sigma = 1.0f) {
    Tensor host(dtype, shape);
    constexpr std::int64_t kBlock = 1000003;
    std::normal_distribution<float> normal(0.0f, sigma);
    const std::int64_t count = host.view().num_elements(), size = dtype_bytes(dtype);
    auto* bytes = reinterpret_cast<unsigned char*>(host.view().raw());
    for (std::int64_t i = 0; i < std::min(count, kBlock); ++i) {
      const float value = normal(engine_);
      if (dtype == DType::f32) host.data<float>()[i] = value;
      if (dtype == DType::bf16) host.data<std::uint16_t>()[i] = f32_to_bf16(value);
      if (dtype == DType::f8_e4m3) host.data<std::uint8_t>()[i] = f32_to_e4m3(value);
    }
    for (std::int64_t i = kBlock; i < count; i += kBlock) {
      std::memcpy(bytes + i * size, bytes,
                  static_cast<std::size_t>(std::min(kBlock, count - i) * size));
    }
    return put(host);
  }
  /// The blocks of `rows` rows in a random order, as a long-lived pool hands them out.
  TensorView shuffled_blocks(std::int64_t rows) {
    Tensor blocks(DType::i32, {ops::blocks_of(rows)});
    auto* first = blocks.data<std::int32_t>();
    std::iota(first, first + blocks.dim(0), 0);
    std::shuffle(first, first + blocks.dim(0), engine_);
    return put(blocks);
  }
  /// The same of a pool that `sequences` of `rows` rows each share.
  std::vector<TensorView> shuffled_tables(std::int64_t sequences, std::int64_t rows) {
    const std::int64_t blocks = ops::blocks_of(rows);
    const TensorView all = shuffled_blocks(sequences * blocks * ops::kBlockRows);
    std::vector<TensorView> tables;
    for (std::int64_t s = 0; s < sequences; ++s) tables.push_back(all.rows(s * blocks, blocks));
    return tables;
  }
  void release() {
    stream_.synchronize();
    memory_.clear();
  }

  /// Prints the median time of `operation` and what it makes of the declared work; `times` is how
  /// often it does it. Where that is once, also the median with nothing of its inputs in the L2
  /// cache: within a step of a whole model other layers' weights have passed through it.
  void time(std::string_view name, double flops, double bytes,
            const std::function<void()>& operation, int times = 1) {
    for (int i = 0; i < 3; ++i) operation();
    const std::vector<float> samples = sorted_samples(operation, [] {});
    const double seconds = static_cast<double>(samples[kSamples / 2]) * 1e-3 / times;
    fmt::print("{:<58} {:>10.1f} us {:>10.1f} us min {:>9.1f} TFLOP/s {:>8.3f} TB/s", name,
               seconds * 1e6, static_cast<double>(samples[0]) * 1e3 / times,
               flops / seconds * 1e-12, bytes / seconds * 1e-12);
    if (times == 1) {
      const std::vector<float> cold = sorted_samples(operation, [this] { flush_cache(); });
      fmt::print(" {:>10.1f} us cold", static_cast<double>(cold[kSamples / 2]) * 1e3);
    }
    fmt::print("\n");
    std::fflush(stdout);
  }

  /// The same, and once more as part of a graph of many: without what launching costs the host.
  void time_both(const std::string& name, double flops, double bytes,
                 const std::function<void()>& operation) {
    constexpr int kCalls = 20;
    time(name, flops, bytes, operation);
    const cuda::Graph graph(stream_.get(), [&] {
      for (int i = 0; i < kCalls; ++i) operation();
    });
    time(
        name + ", graph", flops, bytes, [&] { graph.launch(stream_.get()); }, kCalls);
    stream_.synchronize();
  }

  std::mt19937& engine() { return engine_; }
  cudaStream_t stream() const { return stream_.get(); }

 private:
  /// Milliseconds, ascending; `before` is done ahead of each sample, outside of its time.
  std::vector<float> sorted_samples(const std::function<void()>& operation,
                                    const std::function<void()>& before) {
    std::vector<float> samples;
    cuda::Event start, stop;
    for (int i = 0; i < kSamples; ++i) {
      before();
      start.record(stream_.get());
      operation();
      stop.record(stream_.get());
      samples.push_back(stop.milliseconds_since(start));
    }
    std::sort(samples.begin(), samples.end());
    return samples;
  }

  /// Writes twice what the L2 cache holds.
  void flush_cache() {
    if (!flushed_) {
      int bytes = 0;
      DSABENCH_CUDA_CHECK(
          cudaDeviceGetAttribute(&bytes, cudaDevAttrL2CacheSize, ctx_.device.ordinal));
      flushed_.emplace(ctx_.device, DType::u8, std::vector<std::int64_t>{2 * std::int64_t{bytes}},
                       stream_.get());
    }
    const TensorView view = flushed_->view();
    DSABENCH_CUDA_CHECK(
        cudaMemsetAsync(view.raw(), 1, static_cast<std::size_t>(view.bytes()), stream_.get()));
  }

  std::string_view prefix_;
  std::mt19937 engine_{1};
  cuda::Stream stream_;
  std::deque<cuda::DeviceTensor> memory_;
  std::optional<cuda::DeviceTensor> flushed_;  ///< what flush_cache() writes
  Context ctx_;
};

/// Of one query a sequence, at its end.
Tensor last_positions(std::int64_t sequences, std::int64_t keys) {
  Tensor positions(DType::i32, {sequences});
  std::fill_n(positions.data<std::int32_t>(), sequences, static_cast<std::int32_t>(keys - 1));
  return positions;
}

/// As a run measures them.
void ceilings(CudaBench& bench) {
  if (!bench.wants("ceiling")) return;
  for (const MeasuredCeiling& ceiling : measure_ceilings(bench.ctx().device)) {
    const double rate = static_cast<double>(ceiling.work) /
                        static_cast<double>(std::max<std::int64_t>(ceiling.nanoseconds, 1)) * 1e-3;
    fmt::print("ceiling: {:<49} {:>10.1f} us {:>10.3f} T{}/s  {}\n", ceiling.name,
               static_cast<double>(ceiling.nanoseconds) * 1e-3, rate,
               ceiling.unit == "bytes" ? "B" : ceiling.unit, ceiling.note);
  }
  std::fflush(stdout);
}

void norms(CudaBench& bench) {
  if (!bench.wants("rms_norm")) return;
  const TensorView x = bench.normal(DType::bf16, {65536, 2048});
  const TensorView weight = bench.normal(DType::bf16, {2048});
  const TensorView out = bench.make(DType::bf16, {65536, 2048});
  bench.time("rms_norm bf16 65536 x 2048", 0, 2.0 * static_cast<double>(x.bytes()), [&] {
    ops::rms_norm(bench.ctx(), {x, weight, out});
  });
  bench.release();
}

/// A chunk of queries at the end of `keys` keys, in order or in shuffled blocks.
void indexer(CudaBench& bench, DType dtype, std::int64_t chunk, std::int64_t keys,
             bool in_blocks = false) {
  if (!bench.wants("indexer_topk")) return;
  constexpr std::int64_t kHeads = 32, kDim = 128, kTopK = 2048;
  const TensorView q = bench.normal(dtype, {chunk, kHeads, kDim});
  const std::int64_t cached = ops::blocks_of(keys) * ops::kBlockRows;
  const TensorView key_rows = bench.normal(dtype, {cached, kDim});
  const TensorView weights = bench.normal(DType::f32, {chunk, kHeads});
  std::vector<ops::IndexerSequence> sequences = {{{0, chunk, keys - chunk}, key_rows, {}}};
  Tensor ones(DType::f32, {cached});
  std::fill_n(ones.data<float>(), cached, 1.0f);
  if (dtype == DType::f8_e4m3) sequences[0].key_scales = bench.put(ones);
  if (in_blocks) sequences[0].block_table = bench.shuffled_blocks(keys);
  const TensorView indices = bench.make(DType::i32, {chunk, kTopK});
  const TensorView counter = bench.make(DType::i64, {1});
  const double pairs = static_cast<double>(chunk) * static_cast<double>(keys - chunk / 2);
  bench.time(fmt::format("indexer_topk {} 32 heads, {} of {} keys{}", dtype_name(dtype), chunk,
                         keys, in_blocks ? ", blocks" : ""),
             2.0 * kHeads * kDim * pairs, static_cast<double>(key_rows.bytes() + q.bytes()), [&] {
               ops::indexer_topk(bench.ctx(),
                                 {.q = q,
                                  .head_weights = weights,
                                  .sequences = sequences,
                                  .top_k = kTopK,
                                  .indices = indices,
                                  .margins = {},
                                  .run_counter = reinterpret_cast<std::uint64_t*>(counter.raw())});
             });
  bench.release();
}

/// One query each of `batch` sequences of `keys` keys, which lie shuffled in one pool, positions in
/// device memory: a step of decoding.
void decode_indexer(CudaBench& bench, DType dtype, std::int64_t batch, std::int64_t keys) {
  if (!bench.wants("decode")) return;
  constexpr std::int64_t kHeads = 32, kDim = 128, kTopK = 2048;
  const std::int64_t cached = batch * ops::blocks_of(keys) * ops::kBlockRows;
  const TensorView q = bench.normal(dtype, {batch, kHeads, kDim});
  const TensorView pool = bench.normal(dtype, {cached, kDim});
  const TensorView weights = bench.normal(DType::f32, {batch, kHeads});
  TensorView scales;
  if (dtype == DType::f8_e4m3) {
    Tensor ones(DType::f32, {cached});
    std::fill_n(ones.data<float>(), cached, 1.0f);
    scales = bench.put(ones);
  }
  const std::vector<TensorView> tables = bench.shuffled_tables(batch, keys);
  std::vector<ops::IndexerSequence> sequences;
  for (std::int64_t s = 0; s < batch; ++s) {
    sequences.push_back({{s, 1, keys - 1}, pool, scales, tables[static_cast<std::size_t>(s)]});
  }
  const ops::IndexerTopkArgs args{
      .q = q,
      .head_weights = weights,
      .sequences = sequences,
      .top_k = kTopK,
      .indices = bench.make(DType::i32, {batch, kTopK}),
      .margins = {},
      .run_counter = reinterpret_cast<std::uint64_t*>(bench.make(DType::i64, {1}).raw()),
      .positions = bench.put(last_positions(batch, keys))};
  bench.time_both(
      fmt::format("decode: indexer_topk {} 32 heads, {} x {}", dtype_name(dtype), batch, keys),
      2.0 * kHeads * kDim * static_cast<double>(batch * keys),
      static_cast<double>(pool.bytes()) +
          (scales.empty() ? 0.0 : static_cast<double>(scales.bytes())),
      [&] { ops::indexer_topk(bench.ctx(), args); });
  bench.release();
}

/// The same of attention over random picks; `fp8`: rows of the fp8 cache.
void decode_attention(CudaBench& bench, bool fp8, std::int64_t batch, std::int64_t keys) {
  if (!bench.wants("decode")) return;
  constexpr std::int64_t kHeads = 20, kLatent = 512, kRope = 64, kTopK = 2048;
  const std::int64_t cached = batch * ops::blocks_of(keys) * ops::kBlockRows;
  const std::int64_t row_bytes =
      fp8 ? ops::Fp8LatentRow{kLatent, kRope}.bytes() : 2 * (kLatent + kRope);
  const TensorView pool = fp8 ? bench.make(DType::u8, {cached, row_bytes})
                              : bench.make(DType::bf16, {cached, kLatent + kRope});
  // Small numbers of either kind, all alike: time does not depend on them.
  DSABENCH_CUDA_CHECK(
      cudaMemsetAsync(pool.raw(), 0x3c, static_cast<std::size_t>(pool.bytes()), bench.stream()));
  Tensor picks(DType::i32, {batch, kTopK});
  const std::int64_t stretch = keys / kTopK;
  for (std::int64_t i = 0; i < batch * kTopK; ++i) {
    picks.data<std::int32_t>()[i] =
        static_cast<std::int32_t>(i % kTopK * stretch + std::uniform_int_distribution<std::int64_t>(
                                                            0, stretch - 1)(bench.engine()));
  }
  const std::vector<TensorView> tables = bench.shuffled_tables(batch, keys);
  std::vector<ops::LatentSequence> sequences;
  for (std::int64_t s = 0; s < batch; ++s) {
    sequences.push_back({{s, 1, keys - 1}, pool, tables[static_cast<std::size_t>(s)]});
  }
  const ops::SparseMlaArgs args{.q_latent = bench.normal(DType::bf16, {batch, kHeads, kLatent}),
                                .q_rope = bench.normal(DType::bf16, {batch, kHeads, kRope}),
                                .indices = bench.put(picks),
                                .sequences = sequences,
                                .out = bench.make(DType::bf16, {batch, kHeads, kLatent}),
                                .scale = 0.04f,
                                .positions = bench.put(last_positions(batch, keys))};
  bench.time_both(
      fmt::format("decode: sparse_mla {} 20 heads, {} x {}", fp8 ? "fp8" : "bf16", batch, keys),
      2.0 * kHeads * (2 * kLatent + kRope) * static_cast<double>(batch * kTopK),
      static_cast<double>(batch * kTopK * row_bytes), [&] { ops::sparse_mla(bench.ctx(), args); });
  bench.release();
}

/// `kept`: the share of its picks that a query takes over from the one before; 0.85 is what is
/// published for real models.
void attention(CudaBench& bench, bool dense, DType dtype, std::int64_t chunk, std::int64_t keys,
               double kept = 0.0, bool in_blocks = false) {
  if (!bench.wants(dense ? "dense_mla" : "sparse_mla")) return;
  constexpr std::int64_t kHeads = 20, kLatent = 512, kRope = 64, kTopK = 2048;
  const TensorView q_latent = bench.normal(dtype, {chunk, kHeads, kLatent});
  const TensorView q_rope = bench.normal(dtype, {chunk, kHeads, kRope});
  const TensorView latents =
      bench.normal(dtype, {ops::blocks_of(keys) * ops::kBlockRows, kLatent + kRope});
  const TensorView out = bench.make(dtype, {chunk, kHeads, kLatent});
  std::vector<ops::LatentSequence> sequences = {{{0, chunk, keys - chunk}, latents}};
  if (in_blocks) sequences[0].block_table = bench.shuffled_blocks(keys);
  Tensor picks(DType::i32, {chunk, kTopK});
  // Random picks, one from each of 2048 equal stretches: distinct and ascending.
  const std::int64_t stretch = (keys - chunk) / kTopK;
  for (std::int64_t i = 0; i < chunk * kTopK; ++i) {
    std::int32_t* pick = picks.data<std::int32_t>() + i;
    if (i >= kTopK && std::bernoulli_distribution(kept)(bench.engine())) {
      *pick = *(pick - kTopK);
      continue;
    }
    const std::int64_t within =
        std::uniform_int_distribution<std::int64_t>(0, stretch - 1)(bench.engine());
    *pick = static_cast<std::int32_t>(i % kTopK * stretch + within);
  }
  const TensorView indices = bench.put(picks);
  const double attended =
      dense ? static_cast<double>(keys - chunk / 2) : static_cast<double>(kTopK);
  const double pairs = static_cast<double>(chunk) * attended;
  bench.time(
      fmt::format("{} {} 20 heads, {} of {} keys{}{}", dense ? "dense_mla" : "sparse_mla",
                  dtype_name(dtype), chunk, keys, kept > 0.0 ? fmt::format(", {} kept", kept) : "",
                  in_blocks ? ", blocks" : ""),
      2.0 * kHeads * (2 * kLatent + kRope) * pairs,
      dense ? static_cast<double>(latents.bytes())
            : pairs * (kLatent + kRope) * static_cast<double>(dtype_bytes(dtype)),
      [&] {
        if (dense) {
          ops::dense_mla(bench.ctx(), {q_latent, q_rope, sequences, out, 0.04f});
        } else {
          ops::sparse_mla(bench.ctx(), {q_latent, q_rope, indices, sequences, out, 0.04f});
        }
      });
  bench.release();
}

void experts(CudaBench& bench, DType dtype, std::int64_t tokens) {
  if (!bench.wants("moe_experts")) return;
  constexpr std::int64_t kExperts = 64, kTopN = 4, kHidden = 2048, kIntermediate = 1536;
  const TensorView x = bench.normal(dtype, {tokens, kHidden});
  const TensorView gate_up = bench.normal(dtype, {kExperts, 2 * kIntermediate, kHidden}, 0.02f);
  const TensorView down = bench.normal(dtype, {kExperts, kHidden, kIntermediate}, 0.02f);
  Tensor choice(DType::i32, {tokens, kTopN});
  for (std::int64_t i = 0; i < tokens * kTopN; ++i) {
    choice.data<std::int32_t>()[i] = std::uniform_int_distribution<std::int32_t>(
        0, static_cast<std::int32_t>(kExperts / kTopN - 1))(bench.engine());
    choice.data<std::int32_t>()[i] += static_cast<std::int32_t>(i % kTopN * (kExperts / kTopN));
  }
  const ops::MoeExpertsArgs args{.x = x,
                                 .experts = bench.put(choice),
                                 .weights = bench.normal(DType::f32, {tokens, kTopN}),
                                 .gate_up = gate_up,
                                 .down = down,
                                 .out = bench.make(dtype, {tokens, kHidden}),
                                 .load = {}};
  const double pairs = static_cast<double>(tokens * kTopN);
  const double experts_read = std::min(pairs, static_cast<double>(kExperts));
  bench.time(
      fmt::format("moe_experts {} 64 x 2048 x 1536 top-4, {} tokens", dtype_name(dtype), tokens),
      6.0 * kHidden * kIntermediate * pairs,
      experts_read / kExperts * static_cast<double>(gate_up.bytes() + down.bytes()),
      [&] { ops::moe_experts(bench.ctx(), args); });
  bench.release();
}

int run(int argc, char** argv) {
  const cuda::DeviceList list = cuda::list_devices();
  if (list.devices.empty()) {
    fmt::print("skipped: {}\n", list.unavailable);
    return 77;
  }
  CudaBench bench(argc > 1 ? argv[1] : "");
  fmt::print("{}, driver CUDA {}: medians of {} runs, warm\n", list.devices[0].name,
             list.driver_version, kSamples);
  ceilings(bench);
  norms(bench);
  for (const DType dtype : {DType::bf16, DType::f8_e4m3}) {
    indexer(bench, dtype, 4096, 32768);
    indexer(bench, dtype, 4096, 200000);
    indexer(bench, dtype, 1, 200000);
    indexer(bench, dtype, 4096, 200000, true);
    indexer(bench, dtype, 1, 200000, true);
  }
  indexer(bench, DType::f32, 512, 32768);
  for (const std::int64_t batch : {1, 8, 64}) {
    for (const DType dtype : {DType::bf16, DType::f8_e4m3}) {
      decode_indexer(bench, dtype, batch, 200000);
    }
    for (const bool fp8 : {false, true}) decode_attention(bench, fp8, batch, 200000);
  }
  decode_indexer(bench, DType::f8_e4m3, 142, 10000);
  decode_attention(bench, false, 142, 10000);
  attention(bench, false, DType::bf16, 4096, 32768);
  attention(bench, false, DType::bf16, 4096, 200000);
  attention(bench, false, DType::bf16, 4096, 200000, 0.85);
  attention(bench, false, DType::bf16, 1, 200000);
  attention(bench, false, DType::bf16, 4096, 200000, 0.85, true);
  attention(bench, false, DType::bf16, 1, 200000, 0.0, true);
  attention(bench, false, DType::f32, 256, 32768);
  attention(bench, true, DType::bf16, 128, 32768);
  attention(bench, true, DType::bf16, 1, 200000);
  for (const std::int64_t tokens : {1, 8, 16, 64, 4096, 8192}) experts(bench, DType::bf16, tokens);
  experts(bench, DType::f32, 1024);
  return 0;
}

}  // namespace
}  // namespace dsabench::bench

int main(int argc, char** argv) { return dsabench::bench::run(argc, argv); }
