#include "kernels/ops/embedding.h"

#include "kernels/base/check.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops {

void embedding(const Context& ctx, const EmbeddingArgs& args) {
  const DType dtype = activation_dtype(ctx, args.table);
  check_tensor(ctx, "embedding", "table", args.table, dtype, {kAnySize, kAnySize});
  check_tensor(ctx, "embedding", "tokens", args.tokens, DType::i32, {kAnySize});
  const std::int64_t dim = args.table.dim(1), tokens = args.tokens.dim(0);
  check_tensor(ctx, "embedding", "out", args.out, dtype, {tokens, dim});
  if (ctx.device.is_cpu()) return detail::embedding_cpu(args);
  detail::embedding_cuda(ctx, args);
}

}  // namespace dsabench::ops
