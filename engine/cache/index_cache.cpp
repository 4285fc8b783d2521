#include "engine/cache/index_cache.h"

#include <algorithm>

namespace dsabench {

void IndexCache::begin_forward(std::int64_t rows, std::int64_t top_k) {
  if (rows < 0 || top_k < 1) {
    throw InvalidArgument(fmt::format("IndexCache: {} rows of {} indices", rows, top_k));
  }
  const std::int64_t count = rows * top_k;
  if (buffer_.empty() || buffer_.dim(0) < count) buffer_ = Tensor(DType::i32, {count});
  rows_ = rows;
  top_k_ = top_k;
  source_layer_ = -1;
  std::fill_n(buffer_.data<std::int32_t>(), count, kPoison);
}

TensorView IndexCache::indices() {
  if (buffer_.empty()) return {};
  return buffer_.view().rows(0, rows_ * top_k_).reshaped({rows_, top_k_});
}

}  // namespace dsabench
