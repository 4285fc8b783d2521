#pragma once
#include <cstdint>
#include <span>

#include "kernels/base/context.h"
#include "kernels/ops/block_table.h"
#include "kernels/ops/sequence_span.h"

namespace dsabench::ops {

/// One sequence's indexer keys, read by `indexer_topk`.
///   keys         [rows, dim]                   f32 (exact mode; or bf16 on CUDA) or f8_e4m3 (fp8
///                                              modes)
///   key_scales   [rows]                        f32, with f8_e4m3 keys only
///   block_table  [>= blocks_of(end_position)]  i32: where positions lie among the rows
///                                              (block_table.h); empty: in order, rows >=
///                                              end_position
/// What other rows hold does not matter.
struct IndexerSequence {
  SequenceSpan span;
  ConstTensorView keys, key_scales, block_table = {};
};

/// The lightning indexer: scores every causal key for every query and keeps the best `top_k`.
///   score[t, s] = key_scale[s] * sum_h head_weights[t, h] * relu(q[t, h, :] . keys[s, :])
/// for s <= position(t). key_scale is 1 in exact mode; the positive constants dim^-0.5 and
/// heads^-0.5 and the query's scale are folded into head_weights by the caller. Selection is exact:
/// the largest scores, equal scores by lower position. NaN scores order below every number.
/// A query with at most top_k causal keys selects them all, without scoring them.
///   q             [tokens, heads, dim]  of the keys' dtype
///   head_weights  [tokens, heads]       f32
///   indices       [tokens, top_k]       i32 out: positions in ascending order, then -1
///   margins       [tokens]              f32 out, may be empty: k-th minus (k+1)-th best score,
///                                       kNoMargin where nothing is cut or only NaN is
///   positions     [tokens]              i32, may be empty: where row t stands, in place of what
///   its
///                                       span says, on the operator's device, so that a captured
///                                       graph can be replayed further on. Of the span then counts
///                                       only end_position, a bound: 0 <= positions[t] <
///                                       end_position. On the CPU others throw InvalidArgument; on
///                                       CUDA one beyond is taken for the last, one below 0 selects
///                                       nothing.
///   run_counter   incremented once by the kernel itself, on the device it runs on: the proof that
///                 an indexer ran. In that device's memory. Must not be null.
/// Memory beyond the outputs does not grow with tokens * keys (on CUDA: at most 256 MiB, or one
/// row of scores; on sm_90a at most 1 GiB, 16 * top_k + 32 KiB a row). On CUDA a call like one
/// before it neither allocates nor waits nor reads host memory later: it can be captured. Products
/// of bf16 and f8_e4m3 are exact, sums f32; but on sm_90a, from 256 rows on, a sum of e4m3 products
/// keeps about 14 bits beside its largest addend, as the tensor cores' does. Throws InvalidArgument
/// on a mismatch, spans that exceed the tensors, or top_k < 1. 2 * heads * dim flops a causal pair.
/// Reference: DeepSeek-V3.2-Exp inference/model.py `Indexer`, DeepGEMM `fp8_mqa_logits`.
struct IndexerTopkArgs {
  ConstTensorView q, head_weights;
  std::span<const IndexerSequence> sequences;
  std::int64_t top_k = 0;
  TensorView indices, margins;
  std::uint64_t* run_counter = nullptr;
  ConstTensorView positions = {};
};
void indexer_topk(const Context& ctx, const IndexerTopkArgs& args);

/// Margin where a query's selection cuts nothing.
inline constexpr float kNoMargin = 3e38f;

}  // namespace dsabench::ops
