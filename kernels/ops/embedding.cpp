#include "kernels/ops/embedding.h"

#include "kernels/base/check.h"
#include "kernels/ops/detail_cpu.h"

namespace dsabench::ops {

void embedding(const Context& ctx, const EmbeddingArgs& args) {
  check_tensor(ctx, "embedding", "table", args.table, DType::f32, {kAnySize, kAnySize});
  check_tensor(ctx, "embedding", "tokens", args.tokens, DType::i32, {kAnySize});
  const std::int64_t dim = args.table.dim(1), tokens = args.tokens.dim(0);
  check_tensor(ctx, "embedding", "out", args.out, DType::f32, {tokens, dim});
  if (ctx.device.is_cpu()) return detail::embedding_cpu(args);
  throw_unsupported_device("embedding", ctx);
}

}  // namespace dsabench::ops
