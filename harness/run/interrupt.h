#pragma once
#include <functional>
#include <string_view>

namespace dsabench {

/// While one lives, the first SIGINT or SIGTERM is noted, so that a run can finish its trial and
/// stop. The second ends the process at once with exit code 130: `on_abort` is called first, on a
/// thread of its own beside whatever runs, to write down what was aborted; a third does not wait
/// for it. What was committed to the database stays. A terminal on stderr is left with its
/// attributes reset and the cursor on a new line. The handlers that were there before come back at
/// the end. One at a time.
class InterruptGuard {
 public:
  /// Throws InvalidArgument where another one lives. `on_abort` must not throw.
  explicit InterruptGuard(std::function<void()> on_abort = {},
                          std::string_view remark = "stopping after this trial");
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// Whether a signal came since construction.
  bool interrupted() const;
};

}  // namespace dsabench
