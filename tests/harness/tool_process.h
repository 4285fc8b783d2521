#pragma once
/// Runs the built program as a process of its own, for what only a process can show: being killed,
/// signals, terminals, limits.
#include <fcntl.h>

#include <cerrno>
#include <csignal>
#include <functional>

#include "tests/harness/cli_calls.h"
#include "tests/support/child_process.h"

namespace dsabench::test {

/// Replaces the process by the tool. To be called in a child.
[[noreturn]] inline void exec_tool(const std::vector<std::string>& arguments) {
  std::string program = DSABENCH_PROGRAM;
  std::vector<std::string> words = arguments;
  std::vector<char*> argv{program.data()};
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  setenv("OMP_WAIT_POLICY", "passive", 1);
  execv(program.c_str(), argv.data());
  _exit(127);
}

/// The tool as a child process whose stdout and stderr are files of `folder`: out.txt and err.txt.
class ToolProcess {
 public:
  /// `prepare` is called in the child before the tool is.
  ToolProcess(const ScratchFolder& folder, const std::vector<std::string>& arguments,
              const std::function<void()>& prepare = {})
      : out_(folder / "out.txt"), err_(folder / "err.txt") {
    write_text(out_, "");
    write_text(err_, "");
    process_ = fork();
    REQUIRE(process_ >= 0);
    if (process_ != 0) return;
    redirect(out_, STDOUT_FILENO);
    redirect(err_, STDERR_FILENO);
    if (prepare) prepare();
    exec_tool(arguments);
  }
  ~ToolProcess() {
    if (process_ > 0) kill(SIGKILL);
    if (process_ > 0) wait();
  }
  ToolProcess(const ToolProcess&) = delete;
  ToolProcess& operator=(const ToolProcess&) = delete;

  void kill(int signal) const {
    if (process_ > 0) ::kill(process_, signal);
  }
  /// Whether it ends by itself within the time.
  bool ends_within(std::chrono::microseconds time) {
    const auto deadline = std::chrono::steady_clock::now() + time;
    do {
      if (waitpid(process_, &status_, WNOHANG) == process_) {
        process_ = 0;
        return true;
      }
      usleep(500);
    } while (std::chrono::steady_clock::now() < deadline);
    return false;
  }
  /// The exit code, or minus the signal that ended it.
  int wait() {
    if (process_ > 0) status_ = wait_for(process_);
    process_ = 0;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
  }
  std::string out() const { return read_text(out_); }
  std::string err() const { return read_text(err_); }

 private:
  static void redirect(const std::string& file, int descriptor) {
    const int opened = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (opened < 0 || dup2(opened, descriptor) < 0) _exit(126);
  }

  pid_t process_ = -1;
  int status_ = 0;
  std::string out_, err_;
};

}  // namespace dsabench::test
