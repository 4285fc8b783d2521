#pragma once
/// The ways in which a run tells of itself. Private to harness/run: see make_progress.
#include <chrono>
#include <iosfwd>
#include <memory>
#include <string>

#include "harness/run/progress.h"

namespace dsabench {

/// A progress that can also say that the run is alive while nothing happens.
class TickableProgress : public Progress {
 public:
  /// What make_ticking puts around it keeps every other call away.
  void silence() final {}
  /// Called now and then between two other calls.
  virtual void tick() = 0;
};

/// `heartbeat`: the longest silence while a trial runs.
std::unique_ptr<TickableProgress> make_plain_progress(std::ostream& stream,
                                                      std::chrono::milliseconds heartbeat);
std::unique_ptr<TickableProgress> make_live_progress(std::ostream& stream,
                                                     const TerminalTraits& terminal);
std::unique_ptr<TickableProgress> make_jsonl_progress(std::ostream& stream,
                                                      std::chrono::milliseconds heartbeat);

/// Ticks `inner` from a thread of its own, and lets one call at a time through, none after silence.
std::unique_ptr<Progress> make_ticking(std::unique_ptr<TickableProgress> inner,
                                       std::chrono::milliseconds interval);

/// What one finished trial came to: "median 0.123 ms of 7 (noise)".
std::string outcome_text(const Cell& cell, const TrialRecord& trial);
std::string seconds_text(double seconds);

/// "[3/32] round 1, B".
std::string task_label(const ProgressTask& task);
/// "[3/24] speed prefill 4096 tokens, 1/4 F".
std::string trial_label(const TrialPosition& position, const Cell& cell);

}  // namespace dsabench
