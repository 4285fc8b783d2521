#pragma once
/// The calls of indexer_topk that have tensor-core kernels of their own, and the kernels'
/// instances.
#include "kernels/cuda/numeric.cuh"
#include "kernels/ops/indexer_topk.h"

namespace dsabench::ops::detail {

/// What these kernels' loads want rows to be aligned to.
inline constexpr std::int64_t kOperandBytes = 16;
inline constexpr std::int64_t kMaxOperandHeads = 64;

/// e4m3 or bf16, at most 64 heads of 64 or 128 values, aligned rows.
inline bool tensor_operands(const IndexerTopkArgs& args) {
  const DType dtype = args.q.dtype();
  const std::int64_t heads = args.q.dim(1), dim = args.q.dim(2);
  bool good = (dtype == DType::f8_e4m3 || dtype == DType::bf16) && heads <= kMaxOperandHeads &&
              (dim == 64 || dim == 128) && args.q.rows_aligned(kOperandBytes);
  for (const IndexerSequence& sequence : args.sequences) {
    good = good && (sequence.span.num_rows == 0 || sequence.keys.rows_aligned(kOperandBytes));
  }
  return good;
}

/// Calls body.template operator()<Stored, kDim>() for such a call's stored type and dimension.
template <class Body>
void with_tensor_operands(const IndexerTopkArgs& args, Body&& body) {
  const bool wide = args.q.dim(2) == 128;
  if (args.q.dtype() == DType::f8_e4m3) {
    if (wide) return body.template operator()<cuda::E4m3, 128>();
    return body.template operator()<cuda::E4m3, 64>();
  }
  if (wide) return body.template operator()<cuda::Bf16, 128>();
  body.template operator()<cuda::Bf16, 64>();
}

}  // namespace dsabench::ops::detail
