#pragma once
#include "kernels/ops/check_span.h"
#include "kernels/ops/fp8_latents.h"
#include "kernels/ops/sparse_mla.h"

namespace dsabench::ops {

/// The arguments of one sequence of either attention: throws InvalidArgument on a mismatch.
inline void check_latents(const Context& ctx, std::string_view op, std::size_t index,
                          const LatentSequence& sequence, const ConstTensorView& q_latent,
                          const ConstTensorView& q_rope) {
  const ConstTensorView& latents = sequence.latents;
  const std::int64_t latent = q_latent.dim(2), rope = q_rope.dim(2);
  const bool fp8 = latents.dtype() == DType::u8;
  check_tensor(ctx, op, fmt::format("latents of sequence {}", index), latents,
               fp8 ? DType::u8 : q_latent.dtype(),
               {kAnySize, fp8 ? Fp8LatentRow{latent, rope}.bytes() : latent + rope});
  check_cached(ctx, op, index, sequence.span, q_latent.dim(0), sequence.block_table,
               latents.dim(0));
}

}  // namespace dsabench::ops
