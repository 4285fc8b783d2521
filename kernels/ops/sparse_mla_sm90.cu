#include <algorithm>

#include "kernels/cuda/architecture.h"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/sparse_mla_sm90.cuh"
#include "kernels/ops/sparse_mla_sm90.h"

namespace dsabench::ops::detail {
namespace {

/// Shared memory of the union's block.
constexpr std::int64_t kMaxUnionBytes = 200 << 10;

std::int64_t union_bytes(std::int64_t group, std::int64_t top_k) { return 12 * group * top_k; }

/// Of the first sequence that has rows; those of one call are alike.
DType cached_dtype(const SparseMlaArgs& args) {
  for (const LatentSequence& sequence : args.sequences) {
    if (sequence.span.num_rows > 0) return sequence.latents.dtype();
  }
  return DType::f32;
}

bool fits(const SparseMlaArgs& args) {
  if (args.q_latent.dtype() != DType::bf16 || args.q_latent.dim(1) < 1 ||
      args.q_latent.dim(2) != kSharedLatent || args.q_rope.dim(2) != kSharedRope ||
      union_bytes(1, args.indices.dim(1)) > kMaxUnionBytes) {
    return false;
  }
  if (!args.q_latent.rows_aligned(16) || !args.q_rope.rows_aligned(16) ||
      !args.out.rows_aligned(16)) {
    return false;
  }
  const DType cached = cached_dtype(args);
  if (cached != DType::bf16 && cached != DType::u8) return false;
  std::int64_t rows = 0;
  for (const LatentSequence& sequence : args.sequences) {
    rows += sequence.span.num_rows;
    if (sequence.span.num_rows == 0) continue;
    const std::int64_t rows_used =
        sequence.block_table.empty() ? sequence.span.end_position() : sequence.latents.dim(0);
    if (sequence.latents.dtype() != cached || !sequence.latents.rows_aligned(16) ||
        rows_used > std::int64_t{1} << kPositionBits) {
      return false;
    }
  }
  return rows >= kMinSharedRows;
}

}  // namespace

bool sparse_mla_sm90(const cuda::Launch& launch, const SparseMlaArgs& args) {
  if (!fits(args) || !cuda::has_sm90a()) return false;
  const std::int64_t heads = args.q_latent.dim(1), top_k = args.indices.dim(1);
  const std::int64_t by_heads = std::clamp<std::int64_t>(kSharedRows / heads, 1, kMaxGroup);
  const std::int64_t group =
      std::clamp<std::int64_t>(kMaxUnionBytes / union_bytes(1, top_k), 1, by_heads);
  const auto groups_of = [&](const LatentSequence& sequence) {
    return cuda::ceil_div(sequence.span.num_rows, group);
  };
  MlaCall call{};
  call.q_latent = args.q_latent.raw();
  call.q_rope = args.q_rope.raw();
  call.out = args.out.raw();
  call.indices = args.indices.data<std::int32_t>();
  for (const int i : {0, 1}) {
    call.q_latent_strides[i] = args.q_latent.stride(i);
    call.q_rope_strides[i] = args.q_rope.stride(i);
    call.out_strides[i] = args.out.stride(i);
  }
  call.indices_stride = args.indices.stride(0);
  call.heads = static_cast<std::int32_t>(heads);
  call.scale = args.scale;

  std::int64_t all_groups = 0;
  for (const LatentSequence& sequence : args.sequences) all_groups += groups_of(sequence);
  const std::int64_t stride = cuda::ceil_div(group * top_k, kUnionTile) * kUnionTile;
  cuda::ScratchLayout layout;
  const std::int64_t words_at = layout.add<std::uint32_t>(all_groups * stride);
  const std::int64_t counts_at = layout.add<std::int32_t>(all_groups);
  const std::int64_t broken_at = layout.add<std::int32_t>(all_groups);
  void* scratch = launch.scratch(layout.bytes());
  KeyUnions unions{cuda::scratch_array<std::uint32_t>(scratch, words_at),
                   cuda::scratch_array<std::int32_t>(scratch, counts_at),
                   cuda::scratch_array<std::int32_t>(scratch, broken_at),
                   static_cast<std::int32_t>(group),
                   static_cast<std::int32_t>(top_k),
                   static_cast<std::int32_t>(stride)};

  const auto bytes = static_cast<int>(union_bytes(group, top_k));
  constexpr int kBytes = static_cast<int>(sizeof(SharedMlaMemory));
  DSABENCH_CUDA_CHECK(
      cudaFuncSetAttribute(union_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
  const bool fp8 = cached_dtype(args) == DType::u8;
  const auto kernel = fp8 ? shared_mla_kernel<true> : shared_mla_kernel<false>;
  DSABENCH_CUDA_CHECK(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes));
  MlaBatch batch{};
  std::int64_t groups = 0;
  const auto flush = [&] {
    if (groups == 0) return;
    union_kernel<<<cuda::grid_size(groups), kUnionThreads, static_cast<std::size_t>(bytes),
                   launch.stream()>>>(batch, call, unions);
    launch.check();
    const dim3 grid(cuda::grid_size(groups),
                    group == 1 ? cuda::grid_size(cuda::ceil_div(heads, kSharedRows)) : 1);
    kernel<<<grid, kSharedThreads, kBytes, launch.stream()>>>(batch, call, unions);
    launch.check();
    batch = {};
    groups = 0;
  };
  for (const LatentSequence& sequence : args.sequences) {
    if (sequence.span.num_rows == 0) continue;
    if (batch.num_segments == MlaBatch::kMaxSegments) flush();
    batch.segments[batch.num_segments++] = mla_segment(sequence);
    groups += groups_of(sequence);
  }
  flush();
  return true;
}

}  // namespace dsabench::ops::detail
