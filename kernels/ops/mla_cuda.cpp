#include "kernels/ops/mla_cuda.h"

#include <algorithm>

#include "kernels/ops/dense_mla.h"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/mla_launches.h"
#include "kernels/ops/sparse_mla_sm90.h"

namespace dsabench::ops::detail {
namespace {

/// The same on every machine, so that sums run in the same order: for the largest GPU of today.
constexpr SplitRule kSplits{264, 128};
/// Of the kernel for picks one block fills a multiprocessor.
constexpr SplitRule kPickSplits{132, 64};
static_assert(kSplits.blocks_at_once <= kMaxMlaSplits &&
              kPickSplits.blocks_at_once <= kMaxMlaSplits);
std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Whether the tensor-core kernel takes the call: its dimensions, bf16 rows that can be copied.
bool tensor_cores_fit(const ConstTensorView& q_latent, const ConstTensorView& q_rope,
                      std::span<const LatentSequence> sequences) {
  bool good = q_latent.dtype() == DType::bf16 && q_latent.dim(2) % 16 == 0 &&
              q_rope.dim(2) % 16 == 0 && q_latent.dim(2) <= 512 && q_rope.dim(2) <= 64 &&
              q_latent.rows_aligned(16) && q_rope.rows_aligned(16);
  for (const LatentSequence& sequence : sequences) {
    good = good && (sequence.span.num_rows == 0 ||
                    (sequence.latents.dtype() == DType::bf16 && sequence.latents.rows_aligned(16)));
  }
  return good;
}

/// Whether the kernel for picks takes the call: its dimensions, latents all of one kind.
bool picks_fit(const ConstTensorView& q_latent, const ConstTensorView& q_rope,
               const ConstTensorView& indices, std::span<const LatentSequence> sequences) {
  bool good = !indices.empty() && q_latent.dtype() == DType::bf16 &&
              q_latent.dim(2) == kPickLatent && q_rope.dim(2) == kPickRope &&
              q_latent.rows_aligned(16) && q_rope.rows_aligned(16);
  DType cached = DType::f32;
  for (const LatentSequence& sequence : sequences) {
    if (sequence.span.num_rows == 0) continue;
    const DType own = sequence.latents.dtype();
    good = good && (own == DType::bf16 || own == DType::u8) &&
           (cached == DType::f32 || cached == own) && sequence.latents.rows_aligned(16);
    cached = own;
  }
  return good && mla_picks_fit_device();
}

}  // namespace

void run_mla(const cuda::Launch& launch, const ConstTensorView& q_latent,
             const ConstTensorView& q_rope, const ConstTensorView& indices,
             std::span<const LatentSequence> sequences, const TensorView& out, float scale,
             const ConstTensorView& positions) {
  const DType dtype = q_latent.dtype();
  const std::int64_t heads = q_latent.dim(1), latent = q_latent.dim(2), rope = q_rope.dim(2);
  if (latent > kMaxMlaLatent || latent + rope > kMaxMlaKey) {
    throw InvalidArgument(
        fmt::format("attention on CUDA takes latents of {} and keys of {}, got {} and {}",
                    kMaxMlaLatent, kMaxMlaKey, latent, latent + rope));
  }
  const MlaLaunches launches = cut_launches(sequences, MlaBatch::kMaxSegments);
  std::int64_t keys = indices.empty() ? 0 : indices.dim(1);
  for (const LatentSequence& sequence : sequences) {
    if (indices.empty() && sequence.span.num_rows > 0) {
      keys = std::max(keys, sequence.span.end_position());
    }
  }
  if (launches.rows == 0 || heads * latent == 0) return;

  MlaCall call{q_latent.raw(),
               q_rope.raw(),
               out.raw(),
               indices.empty() ? nullptr : indices.data<std::int32_t>(),
               positions.empty() ? nullptr : positions.data<std::int32_t>(),
               {q_latent.stride(0), q_latent.stride(1)},
               {q_rope.stride(0), q_rope.stride(1)},
               {out.stride(0), out.stride(1)},
               indices.empty() ? 0 : indices.stride(0),
               static_cast<std::int32_t>(heads),
               static_cast<std::int32_t>(latent),
               static_cast<std::int32_t>(rope),
               static_cast<std::int32_t>(indices.empty() ? 0 : indices.dim(1)),
               scale,
               0,
               1,
               nullptr,
               nullptr};
  const bool picks = picks_fit(q_latent, q_rope, indices, sequences);
  const bool tensor_cores = !picks && tensor_cores_fit(q_latent, q_rope, sequences);
  const std::int64_t blocks = launches.most_rows * ceil_div(heads, picks || tensor_cores ? 32 : 8);
  const std::int64_t split_keys = choose_split_keys(picks ? kPickSplits : kSplits, blocks, keys);
  call.split_keys = static_cast<std::int32_t>(split_keys);
  call.splits = static_cast<std::int32_t>(std::max<std::int64_t>(1, ceil_div(keys, split_keys)));
  if (call.splits > 1) {
    const std::int64_t states = launches.rows * heads * call.splits;
    cuda::ScratchLayout layout;
    const std::int64_t states_at = layout.add<float>(2 * states);
    const std::int64_t values_at = layout.add<float>(states * latent);
    void* scratch = launch.scratch(layout.bytes());
    call.states = cuda::scratch_array<float>(scratch, states_at);
    call.values = cuda::scratch_array<float>(scratch, values_at);
  }

  MlaBatch batch{};
  const auto flush = [&] {
    if (batch.num_segments == 0) return;
    if (picks) {
      launch_mla_picks(launch, batch, call);
    } else if (tensor_cores) {
      launch_mla_tensor(launch, batch, call);
    } else {
      launch_mla_plain(launch, batch, call, dtype);
    }
    if (call.splits > 1) launch_mla_merge(launch, batch, call, dtype);
    batch = {};
  };
  for (const LatentSequence& sequence : sequences) {
    if (sequence.span.num_rows == 0) continue;
    if (batch.num_segments == launches.segments) flush();
    batch.segments[batch.num_segments++] = mla_segment(sequence);
    batch.num_rows += static_cast<std::int32_t>(sequence.span.num_rows);
  }
  flush();
}

void sparse_mla_cuda(const Context& ctx, const SparseMlaArgs& args) {
  const cuda::Launch launch(ctx, "sparse_mla");
  if (args.positions.empty() && sparse_mla_sm90(launch, args)) return;
  run_mla(launch, args.q_latent, args.q_rope, args.indices, args.sequences, args.out, args.scale,
          args.positions);
}

void dense_mla_cuda(const Context& ctx, const DenseMlaArgs& args) {
  const cuda::Launch launch(ctx, "dense_mla");
  run_mla(launch, args.q_latent, args.q_rope, {}, args.sequences, args.out, args.scale);
}

}  // namespace dsabench::ops::detail
