#pragma once
#include <map>
#include <memory>

#include "engine/model/weights.h"

namespace dsabench {

/// The attention weights of a model on the host in f32, for a reference that recomputes layers:
/// host memory in place; a device's, as rounded there, copied when a layer is first asked for and
/// kept (30B: 4.7 GB), so that the trials of a run share the copies. For one thread.
class HostAttention {
 public:
  explicit HostAttention(std::shared_ptr<const Weights> weights);
  const AttentionWeights& of(std::int64_t layer);

 private:
  std::shared_ptr<const Weights> weights_;
  std::map<std::int64_t, AttentionWeights> copies_;
};

}  // namespace dsabench
