#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "engine/forward.h"

namespace dsabench {

/// A forward pass that stops between layers, to go on from there more than once: under one pattern
/// and then under another. What it computes is, bit for bit, what Engine::forward would with the
/// pattern whose letters its layers were run with; logits where the same rows' are wanted (the
/// product of more or fewer rows may round otherwise).
///
/// Appends nothing: the sequences keep their lengths, and its rows lie in blocks that they hold
/// beyond. Engine::indexer_runs counts its layers, Engine::num_forwards does not count it. Ends
/// with the next call that changes the engine or one of its sequences: what is called after that
/// throws InvalidArgument. Begun by Engine::begin_pass; the engine outlives it.
class PassInPieces {
 public:
  /// A place between two layers: copies of the residual stream and of the indices in use.
  class Place {
    friend PassInPieces;
    std::int64_t layer_ = 0;
    std::vector<std::uint64_t> below_;  ///< which run of each layer below it was
    Tensor residual_, indices_;
  };

  /// The layer that comes next.
  std::int64_t layer() const { return layer_; }
  /// Runs the layers from layer() to `end`, which is not run. A Shared layer takes the indices of
  /// the last Full layer that ran, or of the place that was returned to. Throws InvalidArgument for
  /// an end out of order, and for a pattern of another length or Full where the engine's is Shared.
  void run(const LayerPattern& pattern, std::int64_t end, ForwardObserver* observer = nullptr);
  Place place() const;
  /// Goes on from a place of this pass. Throws InvalidArgument where a layer below it has run again
  /// since, whose caches are then others.
  void return_to(const Place& place);
  /// A Shared layer that comes next takes the indices of `place`, a place of this pass.
  void take_indices(const Place& place);
  /// After the last layer: per entry of the batch the logits of its last n tokens, [n, vocab] f32
  /// and contiguous, on the host or on the weights' device, all alike; empty for none. On the host
  /// they are there at the return.
  void logits(std::span<const TensorView> logits);

 private:
  friend Engine;
  PassInPieces(const Engine& engine, const std::uint64_t& changes, Forward& forward,
               const PassInput& input, std::vector<ForwardEntry> entries);
  void check_open() const;

  const Engine* engine_;
  const std::uint64_t* changes_;  ///< the engine's count of its changes
  std::uint64_t begun_at_;        ///< where that stood at the beginning
  Forward* forward_;
  PassInput input_;
  std::vector<ForwardEntry> entries_;
  std::int64_t layer_ = 0;
  std::uint64_t num_runs_ = 0;
  std::vector<std::uint64_t> last_run_;  ///< of each layer
};

}  // namespace dsabench
