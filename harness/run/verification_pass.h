#pragma once
#include <memory>

#include "engine/engine.h"
#include "harness/target/model_source.h"
#include "results/record.h"

namespace dsabench {

/// What watches the one pass of a trial that is not timed: the verifier (8 rows a layer against
/// double precision), the overlap of index sets, the load of experts.
class VerificationPass {
 public:
  /// Both must outlive the pass.
  VerificationPass(const Engine& engine, const LoadedModel& model, std::uint64_t seed);
  ~VerificationPass();

  ForwardObserver* observer();
  /// Writes verification, overlaps and expert load (from the engine's counters) into the record.
  /// Throws VerificationError with the verifier's words where a row does not hold.
  void finish(TrialRecord& record);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dsabench
