#include <algorithm>

#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/embedding.h"

namespace dsabench::ops::detail {

void embedding_cpu(const EmbeddingArgs& args) {
  const std::int64_t vocab = args.table.dim(0), dim = args.table.dim(1);
  const std::int64_t tokens = args.tokens.dim(0);
  const auto* ids = args.tokens.data<std::int32_t>();
  for (std::int64_t t = 0; t < tokens; ++t) {
    if (ids[t] < 0 || ids[t] >= vocab) {
      throw InvalidArgument(
          fmt::format("embedding: token in row {} must lie in [0, {}), got {}", t, vocab, ids[t]));
    }
  }
#pragma omp parallel for schedule(static) if (tokens * dim > kMinParallelElements)
  for (std::int64_t t = 0; t < tokens; ++t) {
    std::copy_n(args.table.row<float>(ids[t]), dim, args.out.row<float>(t));
  }
}

}  // namespace dsabench::ops::detail
