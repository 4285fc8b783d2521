#include "harness/run/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "harness/run/progress_styles.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// How often the live line is drawn anew, and how often the others look whether they were silent
/// for too long.
constexpr std::chrono::milliseconds kTick{1000};

class NoProgress final : public Progress {
 public:
  void message(const std::string&) override {}
  void run_started(const std::string&, std::int64_t, double) override {}
  void trial_started(const TrialPosition&, const Cell&) override {}
  void step(const std::string&) override {}
  void trial_finished(const TrialPosition&, const Cell&, const TrialRecord&) override {}
  void run_finished(const std::string&) override {}
  void silence() override {}
};

bool environment_has(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}  // namespace

ProgressMode parse_progress_mode(std::string_view name) {
  if (name == "auto") return ProgressMode::automatic;
  if (name == "plain") return ProgressMode::plain;
  if (name == "jsonl") return ProgressMode::jsonl;
  if (name == "off") return ProgressMode::off;
  throw InvalidArgument(
      fmt::format("--progress: expected auto, plain, jsonl or off, got '{}'", name));
}

TerminalTraits TerminalTraits::of_stderr() {
  TerminalTraits traits;
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  traits.is_terminal = ::isatty(STDERR_FILENO) == 1 && !dumb && !environment_has("CI");
  traits.color = traits.is_terminal && !environment_has("NO_COLOR");
  winsize size = {};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) traits.width = size.ws_col;
  return traits;
}

std::unique_ptr<Progress> make_progress(ProgressMode mode, std::ostream& stream,
                                        const TerminalTraits& terminal,
                                        std::chrono::milliseconds heartbeat) {
  const std::chrono::milliseconds tick = std::min(kTick, heartbeat);
  switch (mode) {
    case ProgressMode::off:
      return std::make_unique<NoProgress>();
    case ProgressMode::jsonl:
      return make_ticking(make_jsonl_progress(stream, heartbeat), tick);
    case ProgressMode::automatic:
      if (terminal.is_terminal) return make_ticking(make_live_progress(stream, terminal), tick);
      break;
    case ProgressMode::plain:
      break;
  }
  return make_ticking(make_plain_progress(stream, heartbeat), tick);
}

}  // namespace dsabench
