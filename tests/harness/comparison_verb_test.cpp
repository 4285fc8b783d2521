/// `ab` and `calibrate` with real processes: the tool on a model that runs in milliseconds, or a
/// script in its place.
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "harness/run/ab_schedule.h"
#include "tests/harness/tool_process.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::CliResult;
using test::contains;
using test::ScratchFolder;
using test::ToolProcess;
using Words = std::vector<std::string>;

/// What stands behind --: one tiny prefill cell.
Words tiny_run() {
  Words words{"--model", "demo"};
  for (const auto& [key, value] : test::tiny_overrides()) {
    words.insert(words.end(), {"--set", key + "=" + value});
  }
  words.insert(words.end(), {"--phase", "prefill", "--min-samples", "3", "--max-samples", "3",
                             "--max-warmups", "1"});
  return words;
}

/// A comparison in a folder of its own, whose temporary files lie there too.
class Comparison {
 public:
  Comparison() {
    const char* before = std::getenv("TMPDIR");
    if (before != nullptr) tmpdir_ = before;
    std::filesystem::create_directory(tmp());
    setenv("TMPDIR", tmp().c_str(), 1);
    seams.program = DSABENCH_PROGRAM;
    // What noise does not reach: of a machine that builds beside the tests too.
    test::write_text(policy(), R"({"metrics": [{"metric": "cache_bytes", "kind": "exact"}]})");
    test::write_text(times(), R"({"alpha": 0.05, "metrics": [
        {"metric": "prefill", "kind": "time", "margin": 0.5}]})");
  }
  ~Comparison() {
    if (tmpdir_.empty()) {
      unsetenv("TMPDIR");
    } else {
      setenv("TMPDIR", tmpdir_.c_str(), 1);
    }
  }

  std::string db() const { return folder / "ab.db"; }
  std::string tmp() const { return folder / "tmp"; }
  std::string policy() const { return folder / "gate.json"; }
  std::string times() const { return folder / "times.json"; }
  Words words(const std::string& verb, const Words& options, const Words& run = {}) const {
    Words words{verb, "--db", db(), "--progress", "plain", "--policy", policy()};
    words.insert(words.end(), options.begin(), options.end());
    words.push_back("--");
    const Words shared = tiny_run();
    words.insert(words.end(), shared.begin(), shared.end());
    words.insert(words.end(), run.begin(), run.end());
    return words;
  }
  CliResult call(const std::string& verb, const Words& options, const Words& run = {}) const {
    return call_cli(words(verb, options, run), seams);
  }
  bool has_left_nothing() const { return std::filesystem::is_empty(tmp()); }
  ResultStore store() const { return ResultStore::open(db(), ResultStore::Mode::read_only); }
  /// A program in the tool's place: `body` in a shell, and then the tool.
  std::string script(const std::string& name, const std::string& body) const {
    const std::string path = folder.write(
        name, "#!/bin/sh\n" + body + "\nexec " + std::string(DSABENCH_PROGRAM) + " \"$@\"\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }
  /// In a script: counts its calls in a file, as $n.
  std::string counting() const {
    const std::string file = folder / "calls";
    return fmt::format("echo x >> {0}\nn=$(cat {0} | wc -l)\n", file);
  }

  ScratchFolder folder;
  CliSeams seams = test::quick_seams();

 private:
  std::string tmpdir_;
};

TEST_CASE("a candidate with larger caches is a regression, and all of it is stored") {
  const Comparison comparison;
  const CliResult result =
      comparison.call("ab", {"--base-args", "--context 64", "--candidate-args", "--context 1024",
                             "--looks", "3,6", "--seed", "42", "--format", "json"});
  CAPTURE(result.err, result.out);
  CHECK(result.code == 6);
  CHECK(contains(result.out, "\"title\": \"Arms\""));
  CHECK(contains(result.out, "--context 1024"));
  CHECK(contains(result.err, "thrown away"));
  CHECK(contains(result.err, "look 1 of"));
  CHECK(comparison.has_left_nothing());

  const ResultStore store = comparison.store();
  const std::vector<ComparisonRecord> all = store.list_comparisons();
  REQUIRE(all.size() == 1);
  const ComparisonRecord& stored = all[0];
  CHECK(stored.kind == "ab");
  CHECK(stored.status == "done");
  CHECK(stored.seed == 42);
  CHECK(stored.finished_ms >= stored.started_ms);
  CHECK(contains(stored.settings_json, "context_tokens"));
  REQUIRE(stored.arms.size() == 3);
  REQUIRE(stored.samples.size() == 9);
  // The orders of the seed, and a run each, of the context that the arm has.
  const std::array<Arm, 3> arms{Arm::base, Arm::twin, Arm::candidate};
  for (const ComparisonSample& sample : stored.samples) {
    const std::vector<Arm> order = order_of_round(arms, 42, sample.round);
    CHECK(order.at(static_cast<std::size_t>(sample.place)) == sample.arm);
    const RunResults run = store.load_run(sample.run_id);
    CHECK(run.run.machine_id == stored.machine_id);
    REQUIRE(run.plan.size() == 1);
    CHECK(run.plan[0].cell.context_tokens == (sample.arm == Arm::candidate ? 1024 : 64));
    CHECK(run.trials.at(0).outcome == TrialOutcome::ok);
  }
  CHECK(store.list_runs().size() == stored.samples.size());
}

TEST_CASE("two configurations of one build pass where what is judged is equal") {
  const Comparison comparison;
  const CliResult result = comparison.call(
      "ab", {"--base-args", "--chunk 64", "--candidate-args", "--chunk 32", "--looks", "2"},
      {"--context", "64"});
  CAPTURE(result.err, result.out);
  CHECK(result.code == 0);
  CHECK(contains(result.out, "PASS"));
  CHECK(contains(result.out, "differ in: chunk_tokens"));
  CHECK(comparison.has_left_nothing());
}

TEST_CASE("sixteen times the work never passes for as fast") {
  const Comparison comparison;
  Words words = comparison.words(
      "ab", {"--base-args", "--context 64", "--candidate-args", "--context 1024", "--looks", "6"});
  words[6] = comparison.times();
  const CliResult result = call_cli(words, comparison.seams);
  CAPTURE(result.err, result.out);
  // A machine that is loaded unevenly may not be trusted, or may need more pairs.
  CHECK((result.code == 1 || result.code == 3 || result.code == 4));
  CHECK(contains(result.err, "times tested at a look: 1; at least 5 pairs decide"));
}

TEST_CASE("with the default policy counters of two patterns are not held to be equal") {
  Comparison comparison;
  Words words =
      comparison.words("ab", {"--pattern", "FFF,FSS", "--looks", "2"}, {"--context", "64"});
  words.erase(words.begin() + 5, words.begin() + 7);  // --policy FILE
  const CliResult result = call_cli(words, comparison.seams);
  CAPTURE(result.err, result.out);
  CHECK((result.code == 0 || result.code == 1 || result.code == 3 || result.code == 4));
  CHECK(contains(result.err, "counters and tokens are not held to be equal"));
  CHECK(contains(result.err, "put off"));
}

TEST_CASE("a process that fails ends the comparison with code 5, its words and a stored failure") {
  for (const auto& [body, said] :
       {std::pair("[ $n = 7 ] && { echo 'first' >&2; echo 'dsabench: no memory' >&2; exit 5; }",
                  "first / dsabench: no memory"),
        std::pair("[ $n = 7 ] && kill -KILL $$", "signal 9"),
        std::pair("[ $n = 7 ] && exit 0", "stored")}) {
    const Comparison comparison;
    const std::string binary = comparison.script("tool", comparison.counting() + body);
    const CliResult result =
        comparison.call("ab", {"--base", binary, "--pattern", "FFF,FSS"}, {"--context", "64"});
    CAPTURE(result.err);
    CHECK(result.code == 5);
    CHECK(contains(result.err, said));
    CHECK(result.out.empty());
    CHECK(comparison.has_left_nothing());
    const auto stored = comparison.store().list_comparisons();
    REQUIRE(stored.size() == 1);
    CHECK(stored[0].status == "failed");
    CHECK(stored[0].samples.size() == 3);  // two warm-ups, round 1, and a process of round 2
  }
}

TEST_CASE("a process that does not end is ended") {
  const Comparison comparison;
  const std::string binary = comparison.script("tool", "sleep 600");
  const CliResult result =
      comparison.call("ab", {"--base", binary, "--pattern", "FFF,FSS", "--process-timeout", "0.2s"},
                      {"--context", "64"});
  CAPTURE(result.err);
  CHECK(result.code == 5);
  CHECK(contains(result.err, "no end within 0."));
  CHECK(comparison.has_left_nothing());
}

TEST_CASE("what an arm does not understand is a usage error, and nothing is stored") {
  const Comparison comparison;
  CliResult result =
      comparison.call("ab", {"--pattern", "FFF,FSS"}, {"--context", "64", "--no-such-option"});
  CHECK(result.code == 2);
  CHECK(contains(result.err, "no-such-option"));
  CHECK(comparison.store().list_comparisons().empty());
  result = comparison.call("ab", {"--pattern", "FFF,FSSS"}, {"--context", "64"});
  CHECK(result.code == 2);
  result = comparison.call("ab", {"--pattern", "FFF,FSS"}, {"--context"});
  CHECK(result.code == 2);
  CHECK(comparison.has_left_nothing());
}

TEST_CASE("hostile options of comparisons are refused in one line") {
  const Comparison comparison;
  const std::string none = comparison.folder / "none.db";
  const auto refused = [&](const Words& words, const std::string& part) {
    const CliResult result = call_cli(words, comparison.seams);
    CAPTURE(words, result.err);
    CHECK(result.code == 2);
    CHECK(test::is_error_line(result.err, part));
    CHECK(result.out.empty());
    CHECK_FALSE(std::filesystem::exists(none));
  };
  const auto ab = [&](const Words& options) {
    Words words{"ab", "--db", none};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"--", "--model", "demo"});
    return words;
  };
  refused({"ab", "--db", none}, "run-options");
  refused(ab({}), "both arms are the same command");
  refused(ab({"--pattern", "FFF"}), "--pattern");
  refused(ab({"--pattern", "F,S", "--looks", "10,5"}), "--looks");
  refused(ab({"--pattern", "F,S", "--looks", ""}), "--looks");
  refused(ab({"--pattern", "F,S", "--looks", "0"}), "--looks");
  refused(ab({"--pattern", "F,S", "--looks", "-3"}), "--looks");
  refused(ab({"--pattern", "F,S", "--looks", "99999999999"}), "--looks");
  refused(ab({"--base-args", "--context '2"}), "--base-args");
  refused(ab({"--base-args", "--db=/etc/passwd"}), "--base-args: --db");
  refused(ab({"--base", "/nonexistent"}), "--base");
  refused(ab({"--candidate", "\x1b[31m"}), "--candidate");
  refused(ab({"--pattern", "F,S", "--seed", "-1"}), "--seed");
  refused(ab({"--pattern", "F,S", "--seed", "x"}), "--seed");
  refused(ab({"--pattern", "F,S", "--process-timeout", "0s"}), "--process-timeout");
  refused(ab({"--pattern", "F,S", "--time-limit", "soon"}), "--time-limit");
  refused(ab({"--pattern", "F,S", "--progress", "loud"}), "loud");
  refused(ab({"--pattern", "F,S", "--format", "xls"}), "--format");
  refused(ab({"--pattern", "F,S", "--policy", "/nonexistent.json"}), "/nonexistent.json");
  refused({"ab", "--db", none, "--pattern", "F,S", "--", "--output", "x"}, "--output");
  const auto calibrate = [&](const Words& options) {
    Words words{"calibrate", "--db", none};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"--", "--model", "demo"});
    return words;
  };
  refused(calibrate({"--comparisons", "0"}), "--comparisons");
  refused(calibrate({"--comparisons", "1001"}), "--comparisons");
  refused(calibrate({"--pairs", "0"}), "--pairs");
  refused(calibrate({"--pairs", "many"}), "--pairs");
  refused({"calibrate", "--db", none, "--", "--dry-run"}, "--dry-run");
}

TEST_CASE("a time limit ends a comparison after its first round, with a look") {
  const Comparison comparison;
  Words words = comparison.words("ab", {"--pattern", "FFF,FSS", "--time-limit", "0.01s"},
                                 {"--context", "64"});
  words[6] = comparison.times();
  const CliResult result = call_cli(words, comparison.seams);
  CAPTURE(result.err, result.out);
  CHECK(result.code == 3);
  CHECK(contains(result.err, "time limit"));
  CHECK(contains(result.out, "INSUFFICIENT"));
  CHECK(comparison.store().list_comparisons().at(0).samples.size() == 3);
}

TEST_CASE("Ctrl-C ends the process that runs, discards its round and stores the interruption") {
  const Comparison comparison;
  // The seventh call waits for its end: round 2 is under way.
  const std::string waiting = comparison.folder / "waiting";
  const std::string binary = comparison.script(
      "tool", comparison.counting() + "[ $n = 7 ] && { touch " + waiting + "; sleep 600; }");
  for (const int num_signals : {1, 2}) {
    std::filesystem::remove(waiting);
    std::filesystem::remove(comparison.db());
    std::filesystem::remove(comparison.folder / "calls");
    ToolProcess tool(
        comparison.folder,
        comparison.words("ab", {"--base", binary, "--pattern", "FFF,FSS"}, {"--context", "64"}));
    while (!std::filesystem::exists(waiting)) {
      REQUIRE_FALSE(tool.ends_within(std::chrono::milliseconds(5)));
    }
    // Stopped meanwhile: the second must come before the first has ended the comparison.
    tool.kill(SIGSTOP);
    tool.kill(SIGINT);
    if (num_signals == 2) tool.kill(SIGTERM);
    tool.kill(SIGCONT);
    CHECK(tool.wait() == 130);
    CAPTURE(num_signals, tool.err());
    CHECK(tool.out().empty());
    CHECK(contains(tool.err(), "the process that runs is ended and its round discarded"));
    const auto stored = comparison.store().list_comparisons();
    REQUIRE(stored.size() == 1);
    CHECK(stored[0].status == "interrupted");
    CHECK(stored[0].samples.size() == 3);
    CHECK(comparison.has_left_nothing());
  }
}

TEST_CASE("calibrate stores real comparisons, adds to those that are there, prints all tables") {
  const Comparison comparison;
  const auto calibrate = [&](const Words& options, const char* context) {
    Words words = comparison.words("calibrate", options, {"--context", context});
    words[6] = comparison.times();
    return call_cli(words, comparison.seams);
  };
  CliResult result =
      calibrate({"--comparisons", "2", "--pairs", "3", "--seed", "5", "--format", "json"}, "64");
  CAPTURE(result.err, result.out);
  CHECK((result.code == 0 || result.code == 4));
  for (const char* title : {"Noise of a build", "False alarms of a build", "Slowdowns that show"}) {
    CHECK(contains(result.out, title));
  }
  CHECK(contains(result.out, "12 are stored: 108 are missing, which 18 more comparisons"));
  {
    const ResultStore store = comparison.store();
    const auto stored = store.list_comparisons();
    REQUIRE(stored.size() == 2);
    CHECK(stored[0].calibration_id == stored[1].calibration_id);
    CHECK_FALSE(stored[0].calibration_id.empty());
    CHECK(stored[0].seed != stored[1].seed);
    for (const ComparisonRecord& one : stored) {
      CHECK(one.kind == "calibrate");
      CHECK(one.status == "done");
      CHECK(one.arms.size() == 2);
      CHECK(one.samples.size() == 6);
    }
  }
  result = calibrate({"--comparisons", "1", "--pairs", "3"}, "64");
  CHECK(contains(result.out, "18 are stored: 102 are missing"));
  // Another cell is no part of this one's pool.
  result = calibrate({"--comparisons", "1", "--pairs", "3"}, "96");
  CHECK(contains(result.out, "6 are stored: 114 are missing"));
  CHECK(comparison.has_left_nothing());
}

TEST_CASE("a calibration that no time was left for is no verdict, and one of no times is refused") {
  const Comparison comparison;
  Words words =
      comparison.words("calibrate", {"--comparisons", "2", "--pairs", "3", "--time-limit", "0.01s"},
                       {"--context", "64"});
  CliResult result = call_cli(words, comparison.seams);
  CHECK(result.code == 2);
  CHECK(contains(result.err, "no metric of kind time"));
  words[6] = comparison.times();
  result = call_cli(words, comparison.seams);
  CHECK(result.code == 3);
  CHECK(contains(result.err, "nothing to calibrate by"));
  CHECK(comparison.store().list_comparisons().at(0).status == "interrupted");
}

}  // namespace
}  // namespace dsabench
