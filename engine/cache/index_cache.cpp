#include "engine/cache/index_cache.h"

namespace dsabench {

void IndexCache::begin_forward(std::int64_t rows, std::int64_t top_k, DeviceQueue* queue) {
  if (rows < 0 || top_k < 1) {
    throw InvalidArgument(fmt::format("IndexCache: {} rows of {} indices", rows, top_k));
  }
  const std::int64_t count = rows * top_k;
  if (buffer_.empty() || buffer_.dim(0) < count) {
    buffer_ = Tensor(DType::i32, {count}, queue);
  }
  rows_ = rows;
  top_k_ = top_k;
  source_layer_ = -1;
  buffer_.fill_bytes(0, count * dtype_bytes(DType::i32), kPoison & 0xff);
}

TensorView IndexCache::indices() {
  if (buffer_.empty()) return {};
  return buffer_.view().rows(0, rows_ * top_k_).reshaped({rows_, top_k_});
}

}  // namespace dsabench
