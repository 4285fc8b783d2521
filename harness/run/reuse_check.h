#pragma once
#include <vector>

#include "engine/engine.h"
#include "results/record.h"

namespace dsabench {

/// Holds what the indexers counted against what the cell's pattern says they must have: the proof
/// that Shared layers reused their indices.
class ReuseCheck {
 public:
  /// `pattern` is the cell's, not the engine's word for it. Sums go to `records`, one per layer,
  /// which must outlive the check.
  ReuseCheck(LayerPattern pattern, bool dense_attention, std::vector<LayerRuns>& records);

  /// Takes the engine's counts since its last reset, in which `expected_forwards` passes must have
  /// run. Throws VerificationError naming the first layer that differs.
  void take(const Engine& engine, std::int64_t expected_forwards);

 private:
  LayerPattern pattern_;
  bool dense_attention_;
  std::vector<LayerRuns>* records_;
};

}  // namespace dsabench
