#pragma once
/// The lightning indexer in double precision, one query at a time: slow, plain, and written without
/// the operators' code, so that tests and the harness's run-time verification can judge them.
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/base/tensor_view.h"

namespace dsabench::reference {

/// Scores of one query over keys 0..num_keys-1, on the values that the tensors hold (dequantised
/// where they are f8_e4m3): key_scale[s] * sum_h head_weights[row, h] * relu(q[row, h, :] . keys[s,
/// :]).
///   q             [tokens, heads, dim]   f32 or f8_e4m3
///   head_weights  [tokens, heads]        f32
///   keys          [>= num_keys, dim]     f32 or f8_e4m3
///   key_scales    [>= num_keys]          f32, or empty for 1
/// Throws InvalidArgument where num_keys or row lie outside the tensors.
std::vector<double> indexer_scores_row(const ConstTensorView& q,
                                       const ConstTensorView& head_weights, std::int64_t row,
                                       const ConstTensorView& keys,
                                       const ConstTensorView& key_scales, std::int64_t num_keys);

/// Positions of the min(top_k, n) largest scores, ascending. Equal scores by lower position; NaN
/// below every number. By a full stable sort.
std::vector<std::int32_t> topk_positions(std::span<const double> scores, std::int64_t top_k);

/// k-th minus (k+1)-th best score; infinite where nothing is cut or where the cut parts numbers
/// from NaN, 0 where it parts NaN from NaN.
double topk_margin(std::span<const double> scores, std::int64_t top_k);

}  // namespace dsabench::reference
