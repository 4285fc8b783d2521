#pragma once
#include "train/tensors.h"

namespace dsabench::train {

// What an indexer and its loss do to each row of [queries, keys] matrices: with LibTorch's
// operations, or with row_kernels.h on CUDA, where the keys are an even number of at most 1,024.

/// sum over heads of weights [rows, heads] times relu(products [rows, heads, keys]): [rows, keys],
/// as products or f32. Rows are the queries of sequences one after another. What a query does not
/// see, keys behind itself, means nothing.
at::Tensor weighted_relu(const at::Tensor& products, const at::Tensor& weights);

/// The keys of the `top_k` highest of scores [batch, queries, keys] among those that `causal` (bool
/// [1, queries, keys], keys up to the query) allows, equal ones by lower index, as bool of the same
/// shape. Has no gradient.
at::Tensor selected_keys(const at::Tensor& scores, const at::Tensor& causal, std::int64_t top_k);

/// Mean over heads of softmax(scale * products [batch, heads, queries, keys]) over the keys of
/// `mask` (bool [batch, queries, keys], or of one sequence for all; each query has one), f32
/// [batch, queries, keys], zero elsewhere. Has no gradient.
at::Tensor mean_softmax(const at::Tensor& products, double scale, const at::Tensor& mask);

/// KL(p || softmax of scores over the keys of `mask`) summed over batch and queries: a scalar with
/// a gradient in scores. p [batch, queries, keys] sums to 1 over each query's keys, as
/// mean_softmax's.
at::Tensor divergence(const at::Tensor& p, const at::Tensor& scores, const at::Tensor& mask);

}  // namespace dsabench::train
