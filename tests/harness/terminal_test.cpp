/// Ctrl-C as a person at a terminal presses it.
#include <pty.h>
#include <termios.h>

#include <cerrno>
#include <cstring>

#include "results/maintenance.h"
#include "tests/harness/stored_runs.h"
#include "tests/harness/tool_process.h"

namespace dsabench {
namespace {

using test::contains;
using test::ScratchFolder;

constexpr char kCtrlC = '\x03';

/// A container without /dev/pts has none to open.
bool has_terminals() {
  int controller = -1, terminal = -1;
  if (openpty(&controller, &terminal, nullptr, nullptr, nullptr) != 0) {
    WARN("no pseudo-terminal can be opened here: not tested (" << std::strerror(errno) << ")");
    return false;
  }
  close(controller);
  close(terminal);
  return true;
}

/// The tool on a pseudo-terminal.
class Terminal {
 public:
  explicit Terminal(const std::vector<std::string>& arguments) {
    winsize size = {};
    size.ws_col = 120;
    size.ws_row = 24;
    process_ = forkpty(&descriptor_, nullptr, nullptr, &size);
    REQUIRE(process_ >= 0);
    if (process_ == 0) {
      unsetenv("CI");
      unsetenv("NO_COLOR");
      setenv("TERM", "xterm", 1);
      test::exec_tool(arguments);
    }
    REQUIRE(tcgetattr(descriptor_, &before_) == 0);
  }
  ~Terminal() {
    if (process_ > 0) kill(process_, SIGKILL);
    if (process_ > 0) waitpid(process_, nullptr, 0);
    close(descriptor_);
  }

  /// Reads until the text was seen; false where the tool ends or 30 s pass first.
  bool shows(const std::string& part) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!contains(text_.substr(from_), part)) {
      if (std::chrono::steady_clock::now() > deadline || !read_some()) return false;
    }
    from_ = text_.find(part, from_) + part.size();
    return true;
  }
  void press(char key) { REQUIRE(write(descriptor_, &key, 1) == 1); }
  int wait() {
    while (read_some()) {
    }
    const int status = test::wait_for(process_);
    process_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  const std::string& text() const { return text_; }
  bool is_as_before() const {
    termios now = {};
    return tcgetattr(descriptor_, &now) == 0 && now.c_lflag == before_.c_lflag &&
           now.c_iflag == before_.c_iflag && now.c_oflag == before_.c_oflag;
  }

 private:
  bool read_some() {
    char buffer[4096];
    const ssize_t count = read(descriptor_, buffer, sizeof buffer);
    if (count <= 0) return false;  // EIO: the other end is closed
    text_.append(buffer, static_cast<std::size_t>(count));
    return true;
  }

  int descriptor_ = -1;
  pid_t process_ = -1;
  termios before_ = {};
  std::string text_;
  std::size_t from_ = 0;
};

std::vector<std::string> long_trials(const std::string& db, const std::string& seconds) {
  return test::with_tiny_model(
      "run",
      {"--db", db, "--context", "64", "--retention", "1,1/3", "--phase", "prefill", "--noise", "0",
       "--min-samples", "1000000", "--max-samples", "1000000", "--max-seconds", seconds});
}

/// The drawn line is wiped and attributes are reset after the last that were set.
bool leaves_no_attributes(const std::string& text) {
  const std::size_t dim = text.rfind("\x1b[2m"), reset = text.rfind("\x1b[0m");
  return dim == std::string::npos || (reset != std::string::npos && reset > dim);
}

TEST_CASE("Ctrl-C at a terminal finishes the trial") {
  if (!has_terminals()) return;
  const ScratchFolder folder;
  Terminal terminal(long_trials(folder / "runs.db", "1"));
  REQUIRE(terminal.shows("sample 2"));
  terminal.press(kCtrlC);
  CHECK(terminal.shows("stopping after this trial"));
  const int code = terminal.wait();
  CAPTURE(terminal.text());
  CHECK(code == 130);
  CHECK(contains(terminal.text(), "dsabench resume "));
  CHECK(terminal.is_as_before());
  CHECK(leaves_no_attributes(terminal.text()));
  CHECK(terminal.text().ends_with("\n"));
  const RunResults run = test::last_run(folder / "runs.db");
  CHECK(run.run.status == "interrupted");
  REQUIRE(run.trials.size() == 1);
  CHECK(run.trials[0].outcome == TrialOutcome::ok);
  CHECK(run.trials[0].stop_reason == "time");
}

TEST_CASE("a second Ctrl-C stops at once and leaves the terminal and the database in order") {
  if (!has_terminals()) return;
  const ScratchFolder folder;
  Terminal terminal(long_trials(folder / "runs.db", "100"));
  REQUIRE(terminal.shows("sample 2"));
  terminal.press(kCtrlC);
  REQUIRE(terminal.shows("stopping after this trial"));
  REQUIRE(terminal.shows("sample "));
  const auto start = std::chrono::steady_clock::now();
  terminal.press(kCtrlC);
  const int code = terminal.wait();
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
  CAPTURE(terminal.text());
  CHECK(code == 130);
  CHECK(terminal.is_as_before());
  CHECK(leaves_no_attributes(terminal.text()));
  CHECK(terminal.text().ends_with("dsabench: stopped\r\n"));
  const RunResults run = test::last_run(folder / "runs.db");
  CHECK(run.run.status == "interrupted");
  REQUIRE(run.trials.size() == 1);
  CHECK(run.trials[0].outcome == TrialOutcome::interrupted);
  CHECK(check_database(folder / "runs.db").clean());
  const ResultStore store = ResultStore::open(folder / "runs.db", ResultStore::Mode::read_only);
  CHECK(store.load_progress(run.run.run_id).running.empty());
}

TEST_CASE("SIGTERM is taken as Ctrl-C is, and without a terminal nothing is wiped") {
  const ScratchFolder folder;
  test::ToolProcess tool(folder, long_trials(folder / "runs.db", "2"));
  while (!contains(tool.err(), "2 trials")) {
    REQUIRE_FALSE(tool.ends_within(std::chrono::milliseconds(20)));
  }
  usleep(100'000);
  tool.kill(SIGTERM);
  CHECK(tool.wait() == 130);
  CHECK(tool.err().find('\x1b') == std::string::npos);
  CHECK(test::last_run(folder / "runs.db").trials.size() == 1);
}

}  // namespace
}  // namespace dsabench
