#include "kernels/ops/sparse_mla.h"

#include "kernels/base/check.h"
#include "kernels/ops/check_latents.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops {
namespace {

constexpr std::string_view kName = "sparse_mla";

void check_causal(const SparseMlaArgs& args, const SequenceSpan& span) {
  const std::int64_t top_k = args.indices.dim(1);
  for (std::int64_t i = 0; i < span.num_rows; ++i) {
    const std::int64_t row = span.row_begin + i;
    const std::int64_t position = checked_position(kName, args.positions, span, i);
    const auto* picks = args.indices.row<std::int32_t>(row);
    std::int64_t outside = 0;
    for (std::int64_t j = 0; j < top_k; ++j) {
      outside += picks[j] < -1 || picks[j] > position ? 1 : 0;
    }
    if (outside == 0) continue;
    for (std::int64_t j = 0; j < top_k; ++j) {
      if (picks[j] < -1 || picks[j] > position) {
        throw InvalidArgument(
            fmt::format("{}: indices of row {}, slot {}: not -1 or a position up to {}: {}", kName,
                        row, j, position, picks[j]));
      }
    }
  }
}

}  // namespace

void sparse_mla(const Context& ctx, const SparseMlaArgs& args) {
  const DType dtype = activation_dtype(ctx, args.q_latent);
  check_tensor(ctx, kName, "q_latent", args.q_latent, dtype, {kAnySize, kAnySize, kAnySize});
  const std::int64_t tokens = args.q_latent.dim(0), heads = args.q_latent.dim(1);
  const std::int64_t latent_dim = args.q_latent.dim(2);
  check_tensor(ctx, kName, "q_rope", args.q_rope, dtype, {tokens, heads, kAnySize});
  check_tensor(ctx, kName, "indices", args.indices, DType::i32, {tokens, kAnySize});
  check_tensor(ctx, kName, "out", args.out, dtype, {tokens, heads, latent_dim});
  if (!args.positions.empty()) {
    check_tensor(ctx, kName, "positions", args.positions, DType::i32, {tokens});
  }
  for (std::size_t i = 0; i < args.sequences.size(); ++i) {
    const LatentSequence& sequence = args.sequences[i];
    if (sequence.span.num_rows == 0) continue;
    check_latents(ctx, kName, i, sequence, args.q_latent, args.q_rope);
    // Indices on another device are that device's kernel to check.
    if (ctx.device.is_cpu()) check_causal(args, sequence.span);
  }

  if (ctx.device.is_cpu()) return detail::sparse_mla_cpu(ctx, args);
  detail::sparse_mla_cuda(ctx, args);
}

}  // namespace dsabench::ops
