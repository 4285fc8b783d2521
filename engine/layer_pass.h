#pragma once
#include <cstdint>
#include <span>

#include "engine/cache/sequence_cache.h"
#include "engine/scratch_buffer.h"
#include "engine/stage_clock.h"
#include "kernels/base/context.h"
#include "kernels/ops/sequence_span.h"

namespace dsabench {

/// One sequence's rows within a forward pass and the caches that they are appended to.
struct PackedSequence {
  std::int64_t sequence = 0;
  SequenceCache* cache = nullptr;
  ops::SequenceSpan span;
};

/// What the blocks of one layer are run on: the packed rows of a forward pass. Owns nothing.
struct LayerPass {
  const Context& ctx;
  DeviceQueue* queue = nullptr;  ///< null on the host
  DType dtype = DType::f32;      ///< of activations and caches
  StageClock& clock;
  BlockPool& pool;  ///< of all the sequences' caches
  std::span<const PackedSequence> sequences;
  std::int64_t num_rows = 0;
  ConstTensorView slots;  ///< [rows] i32: each row's place in the pool
  /// [rows] i32: where each row stands, in place of what its span says (indexer_topk.h); else
  /// empty.
  ConstTensorView positions;
  ConstTensorView cos, sin;  ///< [rows, rope_dim / 2], main attention and indexer alike
  std::int64_t layer = 0;
  bool traced = false;  ///< an observer wants what only it reads

  void enter(Stage stage) const { clock.enter(layer, stage); }
  /// Scratch on the pass's device: for activations, and of another type.
  TensorView take(ScratchBuffer& buffer, std::initializer_list<std::int64_t> shape) const {
    return buffer.take(dtype, shape, queue);
  }
  TensorView take(ScratchBuffer& buffer, DType other,
                  std::initializer_list<std::int64_t> shape) const {
    return buffer.take(other, shape, queue);
  }
};

}  // namespace dsabench
