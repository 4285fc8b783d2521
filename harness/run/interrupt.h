#pragma once

namespace dsabench {

/// While one lives, the first SIGINT or SIGTERM is noted, so that a run can finish its trial and
/// stop; the second ends the process at once with exit code 130 (what was committed to the database
/// stays). The handlers that were there before come back at the end. One at a time.
class InterruptGuard {
 public:
  /// Throws InvalidArgument where another one lives.
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// Whether a signal came since construction.
  bool interrupted() const;
};

}  // namespace dsabench
