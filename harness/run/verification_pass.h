#pragma once
#include <memory>

#include "engine/engine.h"
#include "harness/run/cell_verifier.h"
#include "harness/target/model_source.h"
#include "results/record.h"

namespace dsabench {

/// What watches the pass of a trial that is not timed: the verifier (chosen rows against double
/// precision), the overlap of index sets, the load of experts.
class VerificationPass {
 public:
  /// Rows recomputed per layer.
  static constexpr std::int64_t kRowsPerLayer = 8;

  /// Both must outlive the pass.
  VerificationPass(const Engine& engine, const LoadedModel& model, std::vector<CheckedRow> rows);
  ~VerificationPass();

  ForwardObserver* observer();
  /// Writes verification, overlaps and expert load (of the engine's counters since their last
  /// reset) into the record. Throws VerificationError with the verifier's words where a row does
  /// not hold.
  void finish(TrialRecord& record);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dsabench
