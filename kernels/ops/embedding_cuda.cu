#include "kernels/cuda/launch.h"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/embedding.h"

namespace dsabench::ops::detail {
namespace {

constexpr int kEmbeddingThreads = 256;

template <class T>
__global__ void embedding_kernel(cuda::Rows<const T> table, const std::int32_t* tokens,
                                 cuda::Rows<T> out_rows, std::int64_t vocab, std::int64_t dim) {
  const std::int32_t token = tokens[blockIdx.x];
  T* out = out_rows[blockIdx.x];
  const bool known = token >= 0 && token < vocab;
  const T* row = table[known ? token : 0];
  for (std::int64_t i = threadIdx.x; i < dim; i += kEmbeddingThreads) {
    if (known) {
      out[i] = row[i];
    } else {
      cuda::store(out[i], cuda::quiet_nan());
    }
  }
}

}  // namespace

void embedding_cuda(const Context& ctx, const EmbeddingArgs& args) {
  const cuda::Launch launch(ctx, "embedding");
  const std::int64_t tokens = args.tokens.dim(0);
  if (tokens == 0) return;
  cuda::with_activation_type(args.table.dtype(), [&]<class T>(T) {
    embedding_kernel<T><<<cuda::grid_size(tokens), kEmbeddingThreads, 0, launch.stream()>>>(
        cuda::rows<const T>(args.table), args.tokens.data<std::int32_t>(), cuda::rows<T>(args.out),
        args.table.dim(0), args.table.dim(1));
    launch.check();
  });
}

}  // namespace dsabench::ops::detail
