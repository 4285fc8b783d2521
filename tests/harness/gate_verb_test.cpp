/// Verdicts as a caller sees them: exit codes, output, baselines.
#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/harness/cli_calls.h"
#include "tests/results/gate_scenarios.h"
#include "tests/support/catch.h"

namespace dsabench::test {
namespace {

/// A policy as a file; the default where the script has none.
std::vector<std::string> policy_options(const Script& script, const ScratchFolder& folder) {
  if (script.policy.empty()) return {};
  write_text(folder / "gate.json", script.policy);
  return {"--policy", folder / "gate.json"};
}

template <class... More>
std::vector<std::string> words(std::vector<std::string> first, const More&... more) {
  (first.insert(first.end(), more.begin(), more.end()), ...);
  return first;
}

/// Sets a variable of the environment for a while.
class WithVariable {
 public:
  WithVariable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    setenv(name, value.c_str(), 1);
  }
  ~WithVariable() {
    if (before_.empty()) {
      unsetenv(name_);
    } else {
      setenv(name_, before_.c_str(), 1);
    }
  }

 private:
  const char* name_;
  std::string before_;
};

TEST_CASE("each stored comparison has its exit code and the approved table") {
  for (const Scenario& one : gate_scenarios()) {
    CAPTURE(one.script.name);
    const ScratchFolder folder;
    const std::string db = folder / "a.db";
    write_comparison(db, one.script);
    const CliResult result = call_cli(
        words({"gate", "--comparison", "last", "--db", db}, policy_options(one.script, folder)));
    CHECK(result.code == one.exit_code);
    CHECK(result.err.empty());
    std::string file = "gate_" + one.script.name + ".md";
    std::replace(file.begin(), file.end(), ' ', '_');
    CHECK(result.out == read_text(DSABENCH_TEST_DATA "/results/approved/" + file));
  }
}

/// The processes of a scenario as plain runs, the base's promoted as "main".
class StoredRuns {
 public:
  explicit StoredRuns(const Script& script) : script_(script) {
    script_.has_twin = false;
    write_comparison(db(), script_);
    SQLite::Database(db(), SQLite::OPEN_READWRITE).exec("DELETE FROM comparison_sample");
  }
  std::string db() const { return folder_ / "a.db"; }
  const ScratchFolder& folder() const { return folder_; }
  CliResult call(const std::vector<std::string>& verb) const {
    return call_cli(words(verb, std::vector<std::string>{"--db", db()}));
  }
  CliResult promote(const std::string& name = "main") const {
    return call(words({"baseline", "promote", name}, run_ids(script_, Arm::base)));
  }
  CliResult gate_all(const std::vector<std::string>& more = {}) const {
    return call(words({"gate", "--baseline", "main"}, run_ids(script_, Arm::candidate), more,
                      policy_options(script_, folder_)));
  }
  std::vector<std::string> candidates() const { return run_ids(script_, Arm::candidate); }

 private:
  ScratchFolder folder_;
  Script script_;
};

TEST_CASE("runs are held against a baseline") {
  struct Expected {
    const char* scenario;
    int code;
  };
  const auto expected = GENERATE(values<Expected>({{"slower", 1},
                                                   {"new cell", 0},
                                                   {"missing cell", 6},
                                                   {"20 of 300 items lost", 6},
                                                   {"one item of 30 lost", 3},
                                                   {"identical tokens", 0},
                                                   {"wrong and slower", 6},
                                                   {"throttled trial", 4},
                                                   {"machines differ", 4}}));
  CAPTURE(expected.scenario);
  const StoredRuns runs(scenario(expected.scenario).script);
  REQUIRE(runs.promote().code == 0);
  const CliResult result = runs.gate_all();
  CAPTURE(result.out, result.err);
  CHECK(result.code == expected.code);
}

TEST_CASE("the last run alone is too few to judge a time") {
  const StoredRuns runs(scenario("slower").script);
  REQUIRE(runs.promote().code == 0);
  SQLite::Database(runs.db(), SQLite::OPEN_READWRITE)
      .exec("UPDATE run SET started_ms = 1900000000000 WHERE run_id = '" + runs.candidates()[3] +
            "'");
  const CliResult result = runs.call({"gate", "--baseline", "main"});
  CHECK(result.code == 3);
  CHECK(contains(result.out, "INSUFFICIENT"));
  CHECK(contains(result.out, "only 1 process against 20"));
}

TEST_CASE("without a baseline in force there is nothing to be held against") {
  const StoredRuns runs(scenario("new cell").script);
  CliResult result = runs.gate_all();
  CHECK(result.code == 7);
  CHECK(contains(result.err, "there is no baseline \"main\" in force"));
  CHECK(result.out.empty());
  REQUIRE(runs.promote("other").code == 0);
  CHECK(runs.gate_all().code == 7);
  REQUIRE(runs.promote().code == 0);
  CHECK(runs.gate_all().code == 0);
  REQUIRE(runs.call({"baseline", "retire", "main"}).code == 0);
  CHECK(runs.gate_all().code == 7);
  // The one before a retired baseline is in force again.
  REQUIRE(runs.promote().code == 0);
  REQUIRE(runs.call({"baseline", "promote", "main", "last", "--note", "too hopeful"}).code == 0);
  REQUIRE(runs.call({"baseline", "retire", "main"}).code == 0);
  CHECK(runs.gate_all().code == 0);
}

TEST_CASE("baselines are listed with what is in force") {
  const StoredRuns runs(scenario("new cell").script);
  REQUIRE(runs.promote().code == 0);
  REQUIRE(runs.call({"baseline", "promote", "main", "last", "--note", "one <b>run</b>"}).code == 0);
  const CliResult listed = runs.call({"baseline", "list", "--format", "json"});
  REQUIRE(listed.code == 0);
  const auto rows = nlohmann::json::parse(listed.out).at("tables").at(0).at("rows");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].at("note") == "one <b>run</b>");
  CHECK(rows[0].at("runs") == 1);
  CHECK(rows[0].at("in_force") == "yes");
  CHECK(rows[1].at("runs") == 20);
  CHECK(rows[1].at("in_force") == "no");
  CHECK(contains(runs.call({"baseline", "list"}).out, "one &lt;b&gt;run"));
}

TEST_CASE("what cannot be promoted or gated is an error of usage") {
  const StoredRuns runs(scenario("new cell").script);
  REQUIRE(runs.promote().code == 0);
  const std::string own = run_ids(scenario("new cell").script, Arm::base)[0];
  const std::string candidate = runs.candidates()[0];
  write_text(runs.folder() / "bad.json", "{\n  \"metrics\": 5\n}");
  struct Refused {
    std::vector<std::string> arguments;
    std::string message;
  };
  const std::vector<Refused> all = {
      {{"baseline", "promote", "main", "nothing"}, "no such run"},
      {{"baseline", "promote", "main", candidate, candidate}, "named twice"},
      {{"baseline", "promote", "main"}, "runs is required"},
      {{"baseline", "retire", "other"}, "no baseline in force"},
      {{"gate"}, "either --comparison or --baseline"},
      {{"gate", "--baseline", "main", "--comparison", "last"}, "either --comparison or --baseline"},
      {{"gate", "--comparison", "last", candidate}, "runs go with --baseline"},
      {{"gate", "--comparison", "nothing"}, "no such comparison"},
      {{"gate", "--baseline", "main", own}, "is one of baseline main"},
      {{"gate", "--baseline", "main", candidate, candidate}, "is named twice"},
      {{"gate", "--baseline", "main", "nothing"}, "no such run"},
      {{"gate", "--baseline", "main", "--policy", runs.folder() / "bad.json"},
       "bad.json:2:14: /metrics: expected a list"},
      {{"gate", "--baseline", "main", "--policy", runs.folder() / "absent.json"}, "absent.json"},
      {{"gate", "--baseline", "main", "--format", "xml"}, "unknown format 'xml'"}};
  for (const Refused& refused : all) {
    CAPTURE(refused.arguments);
    const CliResult result = runs.call(refused.arguments);
    CHECK(result.code == 2);
    CHECK(result.out.empty());
    CHECK(contains(result.err, refused.message));
  }
  const CliResult absent = call_cli({"gate", "--comparison", "last", "--db", "/nowhere/a.db"});
  CHECK(absent.code == 8);
  CHECK(contains(absent.err, "/nowhere/a.db"));
}

TEST_CASE("a run in which nothing went well is no baseline") {
  Script script = scenario("new cell").script;
  script.num_rounds = 1;
  script.measure = [](const PlannedCell&, const Turn&, ScriptNoise&) {
    TrialRecord trial;
    trial.outcome = TrialOutcome::failed;
    trial.reason = "out of memory";
    return std::vector{trial};
  };
  const StoredRuns runs(script);
  const CliResult result = runs.promote();
  CHECK(result.code == 2);
  CHECK(contains(result.err, "has no cell that went well"));
}

TEST_CASE("the comparison's own policy holds where no other is given") {
  const ScratchFolder folder;
  const std::string db = folder / "a.db";
  write_comparison(db, scenario("slower").script);
  CHECK(call_cli({"gate", "--comparison", "last", "--db", db}).code == 1);
  const auto set = [&](const std::string& settings) {
    SQLite::Database store(db, SQLite::OPEN_READWRITE);
    SQLite::Statement update(store, "UPDATE comparison SET settings_json = ?");
    update.bind(1, settings);
    update.exec();
  };
  set(R"({"looks": [10, 20], "policy": {"metrics": [
        {"metric": "prefill", "kind": "time", "margin": 0.1}]}})");
  CHECK(call_cli({"gate", "--comparison", "last", "--db", db}).code == 0);
  write_text(folder / "gate.json",
             R"({"metrics": [{"metric": "prefill", "kind": "time", "margin": 0.02}]})");
  CHECK(call_cli({"gate", "--comparison", "last", "--db", db, "--policy", folder / "gate.json"})
            .code == 1);
  set(R"({"policy": {"metrics": 5}})");
  const CliResult wrong = call_cli({"gate", "--comparison", "last", "--db", db});
  CHECK(wrong.code == 2);
  CHECK(contains(wrong.err, "the policy of comparison 0190"));
}

TEST_CASE("noise floors come from the build that was calibrated last on the machine") {
  const ScratchFolder folder;
  const std::string db = folder / "a.db";
  write_comparison(db, scenario("slower").script);
  write_text(folder / "gate.json", R"({"require_calibration": true, "metrics": [
      {"metric": "prefill", "kind": "time", "margin": 0.02}]})");
  const std::vector<std::string> gate = {"gate", "--comparison", comparison_id_of("slower"), "--db",
                                         db,     "--policy",     folder / "gate.json"};
  CliResult result = call_cli(gate);
  CHECK(result.code == 4);
  CHECK(contains(result.out, "have no calibration on this machine"));

  // Two comparisons of a build with itself; `apart`: how far each of them came out from the other.
  const auto calibrate = [&](const std::string& build, std::int64_t started_ms, double apart) {
    for (int i = 0; i < 2; ++i) {
      Script script = scenario("slower").script;
      script.name = build + std::to_string(i);
      script.calibration_id = script.base_commit = build;
      script.started_ms = started_ms + i;
      script.has_twin = false;
      script.num_rounds = 10;
      script.seed = 100 + static_cast<std::uint64_t>(i);
      const double factor = i == 0 ? 1 + apart : 1 - apart;
      script.measure = [factor](const PlannedCell&, const Turn& turn, ScriptNoise& noise) {
        const double side = turn.arm == Arm::candidate ? factor : 1.0;
        return std::vector{timed_trial(100e6 * side * (1 + noise.normal(0.001)))};
      };
      write_comparison(db, script);
    }
  };
  calibrate("old", 1'800'000'000'000, 0.02);
  result = call_cli(gate);  // 3 x 2.8 %, of half the pairs: 6 % is more than the 4 % that there are
  CHECK(result.code == 3);
  calibrate("new", 1'900'000'000'000, 0.001);
  CHECK(call_cli(gate).code == 1);
  // Of another machine it says nothing.
  SQLite::Database(db, SQLite::OPEN_READWRITE)
      .exec("UPDATE comparison SET machine_id = 'other' WHERE kind = 'calibrate'");
  CHECK(call_cli(gate).code == 4);
}

TEST_CASE("a job's page gets the verdict") {
  const ScratchFolder folder;
  const std::string db = folder / "a.db", page = folder / "summary.md";
  write_comparison(db, scenario("slower").script);
  write_text(page, "before\n");
  {
    const WithVariable summary("GITHUB_STEP_SUMMARY", page);
    const CliResult result =
        call_cli({"gate", "--comparison", "last", "--db", db, "--format", "github"});
    CHECK(result.code == 1);
    CHECK(contains(result.out, "::error "));
  }
  const std::string text = read_text(page);
  CHECK(text.rfind("before\n## Verdict: REGRESSION\n", 0) == 0);
  CHECK(contains(text, "| REGRESSION |"));
  CHECK_FALSE(contains(text, "::error"));
  const WithVariable summary("GITHUB_STEP_SUMMARY", "/nowhere/summary.md");
  const CliResult result = call_cli({"gate", "--comparison", "last", "--db", db});
  CHECK(result.code == 1);
  CHECK(contains(result.err, "GITHUB_STEP_SUMMARY: cannot write to /nowhere/summary.md"));
}

TEST_CASE("a comparison that was interrupted says so") {
  const ScratchFolder folder;
  const std::string db = folder / "a.db";
  write_comparison(db, scenario("drift").script);
  SQLite::Database(db, SQLite::OPEN_READWRITE).exec("UPDATE comparison SET status = 'interrupted'");
  const CliResult result = call_cli({"gate", "--comparison", "last", "--db", db});
  CHECK(contains(result.out, "the comparison is not complete: interrupted"));
}

}  // namespace
}  // namespace dsabench::test
