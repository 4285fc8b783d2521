/// Processes of arms, played by shell scripts.
#include "harness/run/arm_process.h"

#include <csignal>
#include <filesystem>
#include <thread>

#include "harness/run/temporary_folder.h"
#include "kernels/base/error.h"
#include "tests/support/error_message.h"
#include "tests/support/scratch_folder.h"

namespace dsabench {
namespace {

using How = ProcessEnd::How;
using namespace std::chrono_literals;

ProcessEnd run_script(const std::string& script, const ProcessWatch& watch = {}) {
  ArmProcess process;
  return process.run({"/bin/sh", {"-c", script}}, watch);
}

bool is_gone(pid_t process) { return ::kill(process, 0) != 0; }

TEST_CASE("a process ends with its code, or with the signal that ended it") {
  for (const int code : {0, 1, 5, 130}) {
    const ProcessEnd end = run_script("exit " + std::to_string(code));
    CHECK(end.how == How::exited);
    CHECK(end.code == code);
    CHECK(end.text() == "exit code " + std::to_string(code));
  }
  const ProcessEnd end = run_script("kill -SEGV $$");
  CHECK(end.how == How::signalled);
  CHECK(end.code == SIGSEGV);
  CHECK(end.text() == "signal 11");
}

TEST_CASE("what it says last is kept as words, what it writes to stdout is dropped") {
  std::vector<std::string> steps;
  ProcessWatch watch;
  watch.step = [&](const std::string& step) { steps.push_back(step); };
  const ProcessEnd end = run_script(
      "seq 1 100000; for i in 1 2 3 4 5 6 7; do echo line $i >&2; done\n"
      "echo '{\"event\":\"step\",\"text\":\"sample 3\"}' >&2\n"
      "echo '{\"event\":\"trial_started\",\"description\":\"a cell\"}' >&2\n"
      "echo '{\"event\":\"trial_finished\",\"outcome\":\"ok\",\"description\":\"a cell\"}' >&2\n"
      "echo '{\"event\":\"trial_finished\",\"outcome\":\"failed\",\"description\":\"a cell\","
      "\"reason\":\"no memory\"}' >&2\n"
      "echo '{\"event\":\"message\",\"text\":\"a remark\"}' >&2\n"
      "printf 'dsabench: the last' >&2; exit 5",
      watch);
  CHECK(end.code == 5);
  CHECK(end.last_words == std::vector<std::string>{"line 6", "line 7", "a cell: failed: no memory",
                                                   "a remark", "dsabench: the last"});
  CHECK(steps == std::vector<std::string>{"sample 3", "a cell"});
}

TEST_CASE("lines that only look like progress are words") {
  for (const char* line : {"{}", "[1]", "{\"event\":3}", "null", "\"event\"", "{\"event\":"}) {
    CHECK(words_in(line) == line);
    CHECK(step_in(line).empty());
  }
  CHECK(words_in("{\"event\":\"heartbeat\",\"seconds\":3}").empty());
  CHECK(words_in("{\"event\":\"message\",\"text\":7}").empty());
}

TEST_CASE("one that takes too long is ended with all that it has started") {
  const test::ScratchFolder folder;
  ProcessWatch watch;
  watch.timeout = 300ms;
  const ProcessEnd end = run_script("sleep 600 & echo $! > " + (folder / "child") + "; echo $$ > " +
                                        (folder / "self") + "; sleep 600",
                                    watch);
  CHECK(end.how == How::timed_out);
  CHECK(test::contains(end.text(), "no end within 0."));
  for (const char* name : {"self", "child"}) {
    const pid_t process = std::stoi(test::read_text(folder / name));
    // An orphan that has been killed goes once its new parent has looked.
    for (int i = 0; i < 400 && !is_gone(process); ++i) {
      const std::string stat = "/proc/" + std::to_string(process) + "/stat";
      if (!std::filesystem::exists(stat) || test::contains(test::read_text(stat), ") Z")) break;
      std::this_thread::sleep_for(10ms);
    }
    const std::string stat = "/proc/" + std::to_string(process) + "/stat";
    CHECK((is_gone(process) || test::contains(test::read_text(stat), ") Z")));
  }
}

TEST_CASE("one that leaves others behind has ended all the same") {
  const ProcessEnd end = run_script("sleep 600 & exit 3");
  CHECK(end.how == How::exited);
  CHECK(end.code == 3);
}

TEST_CASE("one is stopped when asked, also from another thread") {
  int asked = 0;
  ProcessWatch watch;
  watch.stop = [&] { return ++asked > 2; };
  CHECK(run_script("sleep 600", watch).how == How::stopped);

  ArmProcess process;
  const test::ScratchFolder folder;
  std::thread killer([&] {
    while (!std::filesystem::exists(folder / "started")) std::this_thread::sleep_for(1ms);
    process.kill();
  });
  const ProcessEnd end =
      process.run({"/bin/sh", {"-c", "touch " + (folder / "started") + "; sleep 600"}}, {});
  killer.join();
  CHECK(end.how == How::signalled);
  CHECK(end.code == SIGKILL);
  CHECK(process.run({"/bin/true", {}}, {}).how == How::stopped);  // nothing any more
}

TEST_CASE("what cannot be started is said") {
  ArmProcess process;
  CHECK(test::contains(test::message_of<IoError>([&] {
                         process.run({"/nonexistent/dsabench", {}}, {});
                       }),
                       "/nonexistent/dsabench"));
}

TEST_CASE("a temporary folder goes with what is in it") {
  std::string path;
  {
    const TemporaryFolder folder;
    path = folder.path();
    std::filesystem::create_directories(path + "/a/b");
    test::write_text(path + "/a/b/c", "x");
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace dsabench
