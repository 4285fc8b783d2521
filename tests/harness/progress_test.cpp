#include "harness/run/progress.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "kernels/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"

namespace dsabench {
namespace {

using test::contains;

Cell prefill_cell() {
  Cell cell;
  cell.suite = "speed";
  cell.pattern = "FSSS";
  cell.context_tokens = 4096;
  return cell;
}

TrialRecord measured() {
  TrialRecord trial;
  trial.outcome = TrialOutcome::ok;
  trial.stop_reason = "noise";
  trial.metrics.push_back({"prefill", "ns", "lower", {3'000'000, 1'000'000, 2'000'000}});
  return trial;
}

void tell_all(Progress& progress, const TrialRecord& second) {
  const Cell cell = prefill_cell();
  progress.message("loading demo");
  progress.run_started("01", 2, 3.0);
  progress.trial_started({0, 2, 0, 1.0}, cell);
  progress.step("sample 1");
  progress.trial_finished({0, 2, 0, 1.0}, cell, measured());
  progress.trial_started({1, 2, 0, 2.0}, cell);
  progress.step("sample 1");
  progress.trial_finished({1, 2, 0, 2.0}, cell, second);
  progress.run_finished("done");
}

TrialRecord incorrect() {
  TrialRecord trial;
  trial.outcome = TrialOutcome::incorrect;
  trial.reason = "layer 2 (Shared): its indexer ran";
  return trial;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST_CASE("plain progress has a line per trial and no control characters") {
  std::ostringstream stream;
  tell_all(*make_progress(ProgressMode::plain, stream, {}), incorrect());
  const std::vector<std::string> lines = lines_of(stream.str());
  REQUIRE(lines.size() == 5);
  CHECK(lines[0] == "loading demo");
  CHECK(lines[1] == "run 01: 2 trials");
  CHECK(lines[2].starts_with(
      "[1/2] speed prefill 4096 tokens, 1/4 F: median 2.000 ms of 3 (noise) ["));
  CHECK(
      lines[3].starts_with("[2/2] speed prefill 4096 tokens, 1/4 F: incorrect: layer 2 (Shared)"));
  CHECK(lines[4] == "run done");
  CHECK(stream.str().find('\x1b') == std::string::npos);
}

TEST_CASE("automatic progress is plain where there is no terminal") {
  std::ostringstream automatic;
  tell_all(*make_progress(ProgressMode::automatic, automatic, {.is_terminal = false}), measured());
  CHECK(automatic.str().find('\x1b') == std::string::npos);
  CHECK(lines_of(automatic.str()).size() == 5);
}

TEST_CASE("live progress stays within the terminal's width and leaves no line behind") {
  const auto live = [](bool color, int width) {
    std::ostringstream stream;
    tell_all(*make_progress(ProgressMode::automatic, stream,
                            {.is_terminal = true, .color = color, .width = width}),
             measured());
    return stream.str();
  };
  const std::string text = live(false, 30);
  CHECK_FALSE(contains(text, "\x1b[2m"));
  CHECK(contains(live(true, 30), "\x1b[2m"));
  CHECK(contains(live(false, 200), "left in all"));
  // What is drawn and wiped again: from a line's beginning to "\r\x1b[K".
  for (std::size_t wipe = text.find('\r'); wipe != std::string::npos;
       wipe = text.find('\r', wipe + 1)) {
    const std::size_t begin = text.find_last_of("\nK", wipe);
    CHECK(wipe - begin - 1 < 30);
  }
  CHECK(text.ends_with("run done\n"));
}

TEST_CASE("jsonl progress is one object a line") {
  std::ostringstream stream;
  tell_all(*make_progress(ProgressMode::jsonl, stream, {}), incorrect());
  std::vector<std::string> events;
  for (const std::string& line : lines_of(stream.str())) {
    events.push_back(nlohmann::json::parse(line).at("event"));
  }
  CHECK(events == std::vector<std::string>{"message", "run_started", "trial_started", "step",
                                           "trial_finished", "trial_started", "step",
                                           "trial_finished", "run_finished"});
  CHECK(contains(stream.str(), R"("outcome":"incorrect")"));
}

TEST_CASE("a silent trial gives signs of life") {
  for (const ProgressMode mode : {ProgressMode::plain, ProgressMode::jsonl}) {
    std::ostringstream stream;
    std::string before;
    {
      const auto progress = make_progress(mode, stream, {}, std::chrono::milliseconds(30));
      progress->run_started("01", 2, 3.0);
      before = stream.str();
      usleep(100'000);
      progress->trial_started({0, 2, 0, 1.0}, prefill_cell());
      progress->step("sample 7");
      usleep(200'000);
    }
    const std::string after = stream.str().substr(before.size());
    CAPTURE(after);
    if (mode == ProgressMode::plain) {
      CHECK(after.starts_with("[1/2] speed prefill 4096 tokens, 1/4 F: sample 7 [0 s]\n"));
    } else {
      CHECK(contains(after, R"("event":"heartbeat")"));
    }
    CHECK(lines_of(after).size() >= 3);
  }
}

TEST_CASE("nothing is written after silence, by no thread") {
  for (const ProgressMode mode :
       {ProgressMode::plain, ProgressMode::jsonl, ProgressMode::automatic, ProgressMode::off}) {
    std::ostringstream stream;
    const auto progress =
        make_progress(mode, stream, {.is_terminal = true}, std::chrono::milliseconds(1));
    progress->run_started("01", 2, 3.0);
    progress->trial_started({0, 2, 0, 1.0}, prefill_cell());
    progress->silence();
    const std::string before = stream.str();
    CHECK(before.empty() == (mode == ProgressMode::off));
    tell_all(*progress, measured());
    progress->trial_started({0, 2, 0, 1.0}, prefill_cell());
    usleep(20'000);  // ticks come every millisecond
    CHECK(stream.str() == before);
  }
}

TEST_CASE("what names hold does not drive the terminal") {
  TrialRecord trial = incorrect();
  trial.reason = "evil\x1b[2Jname\n\xc2\x9b\xff";
  for (const ProgressMode mode : {ProgressMode::plain, ProgressMode::jsonl}) {
    std::ostringstream stream;
    tell_all(*make_progress(mode, stream, {}), trial);
    CHECK_FALSE(contains(stream.str(), "\x1b"));
    CHECK_FALSE(contains(stream.str(), "\xc2\x9b"));
    CHECK(contains(stream.str(), "evil"));
  }
}

TEST_CASE("progress can be off, and unknown modes are refused") {
  std::ostringstream stream;
  tell_all(*make_progress(parse_progress_mode("off"), stream, {}), measured());
  CHECK(stream.str().empty());
  CHECK(contains(test::message_of<InvalidArgument>([] { parse_progress_mode("loud"); }), "loud"));
}

}  // namespace
}  // namespace dsabench
