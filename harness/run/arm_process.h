#pragma once
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "harness/run/worker_process.h"

namespace dsabench {

/// What a process is started as.
struct ArmCommand {
  std::string program;
  std::vector<std::string> arguments;

  bool operator==(const ArmCommand&) const = default;
};

/// How it ended.
struct ProcessEnd {
  enum class How { exited, signalled, timed_out, stopped };
  How how = How::exited;
  int code = 0;  ///< exit code or signal
  double seconds = 0;
  /// The last of what it said on stderr, as words: see words_in.
  std::vector<std::string> last_words;

  /// "exit code 5", "signal 9", "no end within 60 s".
  std::string text() const;
};

struct ProcessWatch {
  std::chrono::milliseconds timeout{0};  ///< 0: none
  /// Asked several times a second; true ends the process at once.
  std::function<bool()> stop = [] { return false; };
  /// Told what the process does now, as its progress says (--progress jsonl).
  std::function<void(const std::string&)> step = [](const std::string&) {};
  /// Called in between.
  static constexpr std::chrono::milliseconds kPoll{50};
};

/// One process at a time, in this process's folder and environment, in a group of its own. What it
/// writes to stdout is read and dropped.
class ArmProcess {
 public:
  /// Starts it and waits until it has ended or has been ended. Throws IoError where the system
  /// does not start it.
  ProcessEnd run(const ArmCommand& command, const ProcessWatch& watch);
  /// Ends what runs, at once, and from now on nothing is started: run() returns `stopped`. May be
  /// called beside run(), from another thread.
  void kill();

 private:
  std::mutex mutex_;
  WorkerProcess* running_ = nullptr;
  bool killed_ = false;
};

/// What a line on stderr of `dsabench run --progress jsonl` says to people: remarks, outcomes of
/// trials that are not ok, and all that is not of its progress (errors). Empty: nothing.
std::string words_in(const std::string& line);
/// What it says the process does now: "warm-up 1", "sample 3". Empty: nothing.
std::string step_in(const std::string& line);

}  // namespace dsabench
