#pragma once
/// Code that runs in a process of its own. No Catch macro may be used in a child.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <string>

#include "tests/support/catch.h"

namespace dsabench::test {

/// Starts a child that runs `body` and exits 0, or 1 where it throws (printing why) or returns
/// false.
template <class Body>
pid_t start_child(Body&& body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child != 0) return child;
  int status = 1;
  try {
    status = body() ? 0 : 1;
  } catch (const std::exception& error) {
    const std::string line = std::string("child: ") + error.what() + "\n";
    if (write(STDERR_FILENO, line.data(), line.size()) < 0) status = 1;
  }
  _exit(status);
}

/// The wait status of a child.
inline int wait_for(pid_t child) {
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

template <class Body>
bool succeeds_in_child(Body&& body) {
  return wait_for(start_child(body)) == 0;
}

/// A child that stays as it is until it is killed: with a lock held, with a trial under way.
class HeldChild {
 public:
  /// `body(hold)` calls `hold()`, which never returns there, and lets the constructor return here.
  template <class Body>
  explicit HeldChild(Body&& body) {
    int held[2];
    REQUIRE(pipe(held) == 0);
    process_ = start_child([&] {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      body([&] {
        while (write(held[1], "x", 1) == 1) pause();
      });
      return false;
    });
    ::close(held[1]);
    char byte = 0;
    const ssize_t count = read(held[0], &byte, 1);
    ::close(held[0]);
    if (count != 1) wait_for(process_);
    REQUIRE(count == 1);
  }
  ~HeldChild() {
    if (process_ > 0) end();
  }
  HeldChild(const HeldChild&) = delete;
  HeldChild& operator=(const HeldChild&) = delete;

  pid_t id() const { return process_; }
  /// Its remains stay until end().
  void kill() const { ::kill(process_, SIGKILL); }
  void end() {
    kill();
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = -1;
  }

 private:
  pid_t process_ = -1;
};

}  // namespace dsabench::test
