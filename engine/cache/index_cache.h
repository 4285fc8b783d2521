#pragma once
#include <cstdint>

#include "kernels/base/tensor.h"

namespace dsabench {

/// The index cache: one buffer of selected positions for the rows of one forward pass, overwritten
/// at each Full layer and read by the Shared layers after it. It does not live beyond the forward
/// pass.
class IndexCache {
 public:
  /// Beyond every position that a cache can hold; four equal bytes.
  static constexpr std::int32_t kPoison = 0x7f7f7f7f;

  /// Prepares for `rows` rows of `top_k` indices; contents are poisoned with positions that no
  /// operator accepts, so that a Shared layer that reads before any Full layer wrote is refused.
  /// Lives on the queue's device, or on the host.
  void begin_forward(std::int64_t rows, std::int64_t top_k, DeviceQueue* queue = nullptr);
  /// [rows, top_k] i32.
  TensorView indices();
  /// The Full layer that wrote last in this pass, or -1.
  std::int64_t source_layer() const { return source_layer_; }
  void set_source_layer(std::int64_t layer) { source_layer_ = layer; }

 private:
  Tensor buffer_;
  std::int64_t rows_ = 0, top_k_ = 0, source_layer_ = -1;
};

}  // namespace dsabench
