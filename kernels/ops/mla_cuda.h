#pragma once
/// What the two attentions share on CUDA: a call cut into launches of a few sequences each, which
/// travel by value, and keys split between blocks where there are few queries.
#include <cstdint>

#include "kernels/cuda/launch.h"
#include "kernels/ops/sparse_mla.h"

namespace dsabench::ops::detail {

/// Rows of one sequence.
struct MlaSegment {
  const void* latents;
  BlockTable table;
  std::int64_t latent_stride, row_begin;
  std::int32_t num_rows, first_position;
  bool fp8;  ///< latents are rows of the fp8 cache
};

inline MlaSegment mla_segment(const LatentSequence& sequence) {
  const SequenceSpan& span = sequence.span;
  return {sequence.latents.raw(),
          BlockTable(sequence.block_table),
          sequence.latents.stride(0),
          span.row_begin,
          static_cast<std::int32_t>(span.num_rows),
          static_cast<std::int32_t>(span.first_position),
          sequence.latents.dtype() == DType::u8};
}

struct MlaBatch {
  static constexpr int kMaxSegments = 64;
  MlaSegment segments[kMaxSegments];
  int num_segments;
  std::int32_t num_rows;
};

/// A call of either attention. `indices` null: every causal key.
struct MlaCall {
  const void* q_latent;
  const void* q_rope;
  void* out;
  const std::int32_t* indices;
  const std::int32_t* positions;  ///< of packed rows; null: the segments' own
  std::int64_t q_latent_strides[2], q_rope_strides[2], out_strides[2], indices_stride;
  std::int32_t heads, latent, rope, top_k;
  float scale;
  /// Keys (or picks) that one block takes, a multiple of every tile; and blocks a query.
  std::int32_t split_keys, splits;
  /// Partial results [rows of the batch, heads, splits]: largest score and sum, then latents.
  float* states;
  float* values;
};

/// Runs the call: `indices` empty for dense attention, `positions` where the spans tell. Heads in
/// f32 or bf16, sums in f32.
void run_mla(const cuda::Launch& launch, const ConstTensorView& q_latent,
             const ConstTensorView& q_rope, const ConstTensorView& indices,
             std::span<const LatentSequence> sequences, const TensorView& out, float scale,
             const ConstTensorView& positions = {});

/// Few queries over selected keys, in bf16 or the fp8 cache: kPickLatent + kPickRope, aligned rows.
void launch_mla_picks(const cuda::Launch& launch, const MlaBatch& batch, const MlaCall& call);
inline constexpr std::int64_t kPickLatent = 512, kPickRope = 64;
/// Whether the current device has the shared memory for it.
bool mla_picks_fit_device();
/// bf16 with dimensions in multiples of 16 and aligned rows: tensor cores.
void launch_mla_tensor(const cuda::Launch& launch, const MlaBatch& batch, const MlaCall& call);
/// Anything else.
void launch_mla_plain(const cuda::Launch& launch, const MlaBatch& batch, const MlaCall& call,
                      DType dtype);
/// Adds the splits of every row up and writes them.
void launch_mla_merge(const cuda::Launch& launch, const MlaBatch& batch, const MlaCall& call,
                      DType dtype);

/// Limits of the CUDA form.
inline constexpr std::int64_t kMaxMlaLatent = 1024, kMaxMlaKey = 1280, kMaxMlaSplits = 512;

}  // namespace dsabench::ops::detail
