#pragma once
#include <span>

#include "engine/cache/sequence_cache.h"
#include "engine/scratch_buffer.h"

namespace dsabench {

/// What a forward pass reads of its packed rows, [rows] i32 each, where the weights are.
struct PassInput {
  ConstTensorView tokens, positions;
  ConstTensorView slots;  ///< rows of the caches' pool
  /// The call has no other pass: the next call of as many rows has its input at the same place.
  bool is_whole_call = false;
};

/// Brings the tokens of a call to where the weights are, all at once, in the order in which its
/// passes take them: each reads one piece.
class CallInput {
 public:
  struct Entry {
    const SequenceCache* cache = nullptr;  ///< with room for the tokens
    std::span<const std::int32_t> tokens;
  };

  /// Passes of at most `chunk` tokens an entry. What earlier calls returned is invalid.
  void stage(std::span<const Entry> entries, std::int64_t chunk, DeviceQueue* queue);
  /// The next `rows` rows.
  PassInput next(std::int64_t rows);

 private:
  ScratchBuffer host_, device_;
  ConstTensorView staged_;  ///< [3, tokens] i32: tokens, positions, slots
  std::int64_t taken_ = 0;
};

}  // namespace dsabench
