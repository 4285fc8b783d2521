#include "harness/run/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <string_view>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

// A signal handler reaches nothing but globals.
constexpr std::array<int, 2> kSignals{SIGINT, SIGTERM};
std::array<struct sigaction, kSignals.size()> previous_actions;
std::atomic<int> num_signals{0};
std::atomic<bool> guarded{false};
static_assert(std::atomic<int>::is_always_lock_free);

void say(std::string_view text) {
  // A message that cannot be written is no reason to stop stopping.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

void on_signal(int) {
  if (num_signals.fetch_add(1) == 0) {
    say("\ndsabench: stopping after this trial; once more to stop at once\n");
    return;
  }
  say("\ndsabench: stopped\n");
  ::_exit(130);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  if (guarded.exchange(true)) throw InvalidArgument("an InterruptGuard is alive already");
  num_signals = 0;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &action, &previous_actions[i]);
  }
}

InterruptGuard::~InterruptGuard() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &previous_actions[i], nullptr);
  }
  guarded = false;
}

bool InterruptGuard::interrupted() const { return num_signals.load() > 0; }

}  // namespace dsabench
