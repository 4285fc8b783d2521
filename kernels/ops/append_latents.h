#pragma once
#include "kernels/base/context.h"

namespace dsabench::ops {

/// Writes a pass's rows into the latent cache, normalised and rotated in one go: for each row t
/// with slots[t] = s
///   latents[s, i] = weight[i] * x[t, i] / sqrt(mean_j(x[t, j]^2) + eps),  i, j < latent_dim
///   latents[s, latent_dim + r] = rope(x[t, latent_dim + r]), interleaved pairs
///   x         [tokens, latent_dim + rope_dim]  f32
///   weight    [latent_dim]                     f32
///   cos, sin  [tokens, rope_dim / 2]           f32
///   slots     [tokens]                         i32: rows of the cache, each at most once; -1: the
///                                              row is not written
///   latents   [rows, latent_dim + rope_dim]    f32; or u8 [rows, bytes]: rows of the fp8 cache
///                                              (fp8_latents.h); other rows are left alone
/// On CUDA x, weight and latents may be bf16. The values that rms_norm and rope make (the norm's
/// sum may run in another order), then in the fp8 cache quantised. Throws InvalidArgument on a
/// mismatch and for a slot beyond the cache; on CUDA, where looking would mean waiting, such a row
/// is not written.
struct AppendLatentsArgs {
  ConstTensorView x, weight, cos, sin, slots;
  TensorView latents;
  float eps = 1e-6f;
};
void append_latents(const Context& ctx, const AppendLatentsArgs& args);

}  // namespace dsabench::ops
