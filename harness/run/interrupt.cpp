#include "harness/run/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <thread>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

constexpr int kInterruptedExitCode = 130;

// A signal handler reaches nothing but globals.
constexpr std::array<int, 2> kSignals{SIGINT, SIGTERM};
std::array<struct sigaction, kSignals.size()> previous_actions;
std::atomic<int> num_signals{0};
std::string_view first_remark;  // written before the handlers are there
std::atomic<bool> guarded{false};
std::array<int, 2> wake_pipe{-1, -1};  // from the handler to the thread that aborts
std::thread abort_thread;
static_assert(std::atomic<int>::is_always_lock_free);

constexpr char kAbort = 'a', kEnd = 'e';

void say(std::string_view text) {
  // A message that cannot be written is no reason to stop stopping.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

[[noreturn]] void end_process() {
  // On a terminal: the line that is drawn there goes, and so do its attributes.
  say(::isatty(STDERR_FILENO) == 1 ? "\r\x1b[K\x1b[0mdsabench: stopped\n" : "dsabench: stopped\n");
  ::_exit(kInterruptedExitCode);
}

void on_signal(int) {
  const int error = errno;
  const int before = num_signals.fetch_add(1);
  if (before == 0) {
    say("\ndsabench: ");
    say(first_remark);
    say("; once more to stop at once\n");
  } else if (before > 1 || ::write(wake_pipe[1], &kAbort, 1) != 1) {
    end_process();
  }
  errno = error;
}

void wait_for_abort(const std::function<void()>& on_abort) {
  char order = kEnd;
  while (::read(wake_pipe[0], &order, 1) < 0 && errno == EINTR) {
  }
  if (order != kAbort) return;
  if (on_abort) on_abort();
  end_process();
}

void set_handlers() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &action, &previous_actions[i]);
  }
}

}  // namespace

InterruptGuard::InterruptGuard(std::function<void()> on_abort, std::string_view remark) {
  if (guarded.exchange(true)) throw InvalidArgument("an InterruptGuard is alive already");
  num_signals = 0;
  first_remark = remark;
  if (::pipe2(wake_pipe.data(), O_CLOEXEC) != 0) {
    guarded = false;
    throw IoError("cannot open a pipe for signals");
  }
  abort_thread = std::thread([call = std::move(on_abort)] { wait_for_abort(call); });
  set_handlers();
}

InterruptGuard::~InterruptGuard() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &previous_actions[i], nullptr);
  }
  // Behind an abort that is under way this is never read, and the join never returns.
  [[maybe_unused]] const ssize_t written = ::write(wake_pipe[1], &kEnd, 1);
  abort_thread.join();
  for (const int end : wake_pipe) ::close(end);
  guarded = false;
}

bool InterruptGuard::interrupted() const { return num_signals.load() > 0; }

}  // namespace dsabench
