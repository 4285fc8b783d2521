#pragma once
#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

#include "harness/plan/cell.h"
#include "results/record.h"

namespace dsabench {

/// How a run tells of itself on stderr. automatic: live on a terminal that can show it, plain
/// elsewhere and under CI.
enum class ProgressMode { automatic, plain, jsonl, off };
ProgressMode parse_progress_mode(std::string_view name);  ///< "auto", "plain", "jsonl", "off"

/// Where one trial stands in its run.
struct TrialPosition {
  std::int64_t index = 0, total = 0;  ///< index from 0
  std::int64_t repeat = 0;
  double work = 0;  ///< estimated operations, in the unit of `total_work`
};

/// Work that is no trial, such as a process of a comparison.
struct ProgressTask {
  std::string label;  ///< "round 3, B"
  /// index from 0; total: as far as is known now, 0 where it is not.
  std::int64_t index = 0, total = 0;
};

/// Told of a run's course, from one thread; silence() may come from another.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void message(const std::string& text) = 0;
  virtual void run_started(const std::string& run_id, std::int64_t num_trials,
                           double total_work) = 0;
  virtual void trial_started(const TrialPosition& position, const Cell& cell) = 0;
  virtual void task_started(const ProgressTask&) {}
  /// `outcome`: in words, for people.
  virtual void task_finished(const ProgressTask&, const std::string& /*outcome*/) {}
  /// What the running trial or task does now: "warm-up 1", "sample 3".
  virtual void step(const std::string& text) = 0;
  virtual void trial_finished(const TrialPosition& position, const Cell& cell,
                              const TrialRecord& trial) = 0;
  virtual void run_finished(const std::string& status) = 0;
  /// Nothing is written from here on, and nothing is being written when this returns: for who ends
  /// the process beside the thread that runs, and has the last word.
  virtual void silence() = 0;
};

/// What the stream can show, as far as it matters.
struct TerminalTraits {
  bool is_terminal = false;
  bool color = false;
  int width = 80;
  /// Of file descriptor 2: isatty, NO_COLOR, TERM=dumb, CI, the window's width.
  static TerminalTraits of_stderr();
};

/// One live line on a terminal; elsewhere a line per trial, and a sign of life where a trial was
/// silent for `heartbeat`. Writes to `stream` from a thread of its own too, until it is destroyed.
std::unique_ptr<Progress> make_progress(
    ProgressMode mode, std::ostream& stream, const TerminalTraits& terminal,
    std::chrono::milliseconds heartbeat = std::chrono::seconds(30));

}  // namespace dsabench
