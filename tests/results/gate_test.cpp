/// Verdicts of the gate on comparisons made up for it, and how they are printed.
#include "results/gate.h"

#include <algorithm>
#include <cmath>

#include "results/gate/evidence.h"
#include "results/report/render.h"
#include "tests/results/approved_files.h"
#include "tests/results/gate_scenarios.h"
#include "tests/support/error_message.h"
#include "tests/support/random.h"

namespace dsabench::test {
namespace {

GateReport judged(const Script& script) { return judge(policy_of(script), make_evidence(script)); }

GateRow row_of(const GateReport& report, const std::string& metric,
               std::int64_t context_tokens = 1024) {
  const auto found = std::find_if(report.rows.begin(), report.rows.end(), [&](const GateRow& row) {
    return row.metric == metric && row.cell.context_tokens == context_tokens;
  });
  REQUIRE(found != report.rows.end());
  return *found;
}
std::int64_t count(const GateReport& report, Verdict verdict) {
  return std::count_if(report.rows.begin(), report.rows.end(),
                       [&](const GateRow& row) { return row.verdict == verdict; });
}
bool finds(const GateReport& report, const std::string& text) {
  return std::any_of(report.findings.begin(), report.findings.end(),
                     [&](const std::string& finding) { return contains(finding, text); });
}

/// As its file name begins.
std::string file_name(std::string name) {
  std::replace(name.begin(), name.end(), ' ', '_');
  return "gate_" + name;
}

TEST_CASE("every scenario has its verdict, and prints as approved") {
  for (const Scenario& one : gate_scenarios()) {
    CAPTURE(one.script.name);
    const GateReport report = judged(one.script);
    CHECK(std::string(verdict_name(report.verdict)) == verdict_name(one.verdict));
    CHECK(report.quality_regressed == (one.exit_code == 6));
    check_approved(file_name(one.script.name) + ".md",
                   render(TableFormat::markdown, gate_tables(report)));
  }
}

TEST_CASE("each verdict prints as approved in each format") {
  const char* name = GENERATE("drift", "slower", "one item of 30 lost", "too few processes",
                              "machines differ", "missing cell", "20 of 300 items lost");
  CAPTURE(name);
  const std::vector<Table> tables = gate_tables(judged(scenario(name).script));
  const std::string file = file_name(name);
  check_approved(file + ".csv", render(TableFormat::csv, tables));
  check_approved(file + ".json", render(TableFormat::json, tables));
  check_approved(file + ".xml", render(TableFormat::junit, tables));
  check_approved(file + ".github", render(TableFormat::github, tables));
}

TEST_CASE("only what gates is an error annotation") {
  for (const Scenario& one : gate_scenarios()) {
    CAPTURE(one.script.name);
    const std::string text = render(TableFormat::github, gate_tables(judged(one.script)));
    CHECK(contains(text, "::error ") == (one.verdict == Verdict::regression));
  }
}

TEST_CASE("one slow metric among forty is the only regression") {
  const GateReport report = judged(scenario("one of 40 metrics").script);
  CHECK(count(report, Verdict::regression) == 1);
  const GateRow& slow = row_of(report, "prefill", 1024 * 18);
  CHECK(slow.verdict == Verdict::regression);
  CHECK(slow.p_adjusted >= slow.p);
  CHECK(std::abs(slow.effect - 1.04) < 0.01);
  CHECK(slow.low > 1.0);
  CHECK(slow.low < slow.effect);
  CHECK(slow.effect < slow.high);
}

TEST_CASE("a cell of one side alone is lost, or new") {
  const GateReport lost = judged(scenario("missing cell").script);
  CHECK(row_of(lost, "cell", 3072).verdict == Verdict::regression);
  CHECK(contains(row_of(lost, "cell", 3072).reason, "does not have this cell"));
  const GateReport added = judged(scenario("new cell").script);
  CHECK(finds(added, "new, not in the base"));
  CHECK(count(added, Verdict::pass) == std::ssize(added.rows));
}

TEST_CASE("the first place of a round is told where it is slow") {
  CHECK(finds(judged(scenario("cold first arm").script), "the first process of a round takes 7."));
  CHECK_FALSE(finds(judged(scenario("drift").script), "the first process"));
}

TEST_CASE("what cannot be trusted says so of every time") {
  for (const char* name : {"throttled trial", "twin trips", "machines differ"}) {
    CAPTURE(name);
    const GateReport report = judged(scenario(name).script);
    for (const GateRow& row : report.rows) {
      CHECK((row.kind == MetricKind::time) == (row.verdict == Verdict::environment_untrusted));
    }
  }
  CHECK(finds(judged(scenario("throttled trial").script), "1 of 20 processes of the candidate"));
  CHECK(finds(judged(scenario("twin trips").script), "twin differs from the base by +5."));
  CHECK(finds(judged(scenario("machines differ").script), "several machines"));
}

TEST_CASE("a twin that is faster trips as one that is slower") {
  Script script = scenario("twin trips").script;
  const auto measure = script.measure;
  script.measure = [measure](const PlannedCell& planned, const Turn& turn, ScriptNoise& noise) {
    Turn other = turn;  // base and twin change places
    if (turn.arm == Arm::base) other.arm = Arm::twin;
    if (turn.arm == Arm::twin) other.arm = Arm::base;
    return measure(planned, other, noise);
  };
  const GateReport report = judged(script);
  CHECK(report.verdict == Verdict::environment_untrusted);
  CHECK(finds(report, "twin differs from the base by -"));
}

TEST_CASE("a slowdown within some noise floors is no regression") {
  const Script& script = scenario("slower").script;
  GateEvidence evidence = make_evidence(script);
  const std::string cell = scripted_cell(0).cell.cell_id, other = scripted_cell(1).cell.cell_id;
  const auto pairs = static_cast<double>(script.num_rounds);
  evidence.noise_floors = {{cell, "prefill", 0.015, 20, pairs},
                           {other, "prefill", 0.001, 20, pairs}};
  GatePolicy policy = policy_of(script);
  const GateReport report = judge(policy, evidence);
  CHECK(row_of(report, "prefill", 1024).verdict == Verdict::inconclusive);
  CHECK(row_of(report, "prefill", 2048).verdict == Verdict::regression);
  CHECK(row_of(report, "prefill", 1024).detectable > row_of(report, "prefill", 2048).detectable);
  // The same floor of comparisons of a quarter of the pairs is half of that here.
  evidence.noise_floors.front().num_pairs = pairs / 4;
  CHECK(row_of(judge(policy, evidence), "prefill", 1024).verdict == Verdict::regression);
  evidence.noise_floors.front().num_pairs = pairs;

  policy.require_calibration = true;
  CHECK(judge(policy, evidence).verdict == Verdict::regression);
  evidence.noise_floors.pop_back();
  const GateReport uncalibrated = judge(policy, evidence);
  CHECK(uncalibrated.verdict == Verdict::environment_untrusted);
  CHECK(finds(uncalibrated, "1 of 2 timed metrics have no calibration"));
}

TEST_CASE("a look has its share of alpha") {
  // Nine pairs give 2^-9 < 0.01 / 2 at best, and not 0.01 / 2 / 4.
  Script script = scenario("slower").script;
  script.num_rounds = 9;
  GateEvidence evidence = make_evidence(script);
  CHECK(judge(policy_of(script), evidence).verdict == Verdict::regression);
  evidence.alpha_share = 0.25;
  const GateReport report = judge(policy_of(script), evidence);
  CHECK(report.verdict == Verdict::insufficient);
  CHECK(contains(row_of(report, "prefill").reason, "2 tests at alpha 0.0025 need 10 pairs"));
}

TEST_CASE("independent processes are judged by ranks") {
  const auto unpaired = [](const char* name, std::int64_t num_rounds) {
    Script script = scenario(name).script;
    script.num_rounds = num_rounds;
    script.has_twin = false;
    GateEvidence evidence = make_evidence(script);
    evidence.paired = false;
    return judge(policy_of(script), evidence);
  };
  CHECK(unpaired("slower", 8).verdict == Verdict::regression);
  CHECK(unpaired("new cell", 8).verdict == Verdict::pass);
  const GateReport few = unpaired("new cell", 3);
  CHECK(few.verdict == Verdict::insufficient);
  CHECK(contains(row_of(few, "prefill").reason, "3 processes against 3: 2 tests"));
  CHECK(contains(row_of(few, "prefill").reason, "need 5 processes on each side"));
}

TEST_CASE("patterns are compared where the arms differ in them by design") {
  Script script = scenario("slower").script;
  script.plan = [](Arm arm) {
    return std::vector{scripted_cell(0, "speed", arm == Arm::candidate ? "FSSS" : "FFFF")};
  };
  GateEvidence evidence = make_evidence(script);
  CHECK(row_of(judge(policy_of(script), evidence), "cell").verdict == Verdict::regression);
  evidence.ignored_keys = {"pattern"};
  const GateReport report = judge(policy_of(script), evidence);
  CHECK(row_of(report, "prefill").verdict == Verdict::regression);
  CHECK(row_of(report, "prefill").cell.pattern == "FSSS");
  CHECK(report.findings.empty());
}

TEST_CASE("scores in parts are judged question by question") {
  Script script = scenario("one item of 30 lost").script;
  script.num_rounds = 2;
  const auto with_drop = [&](double drop, std::int64_t num_items) {
    script.measure = [=](const PlannedCell&, const Turn& turn, ScriptNoise&) {
      TrialRecord trial = answered_trial(std::vector<bool>(std::size_t(num_items), true));
      for (std::int64_t i = 0; i < num_items; ++i) {
        AnswerRecord& answer = trial.answers[std::size_t(i)];
        answer.score = 0.5 + 0.3 * std::sin(double(i));
        if (turn.arm == Arm::candidate) {
          answer.output = "other words";
          answer.score -= drop * double(i % 3);
        }
      }
      return std::vector{trial};
    };
    return row_of(judged(script), "score");
  };
  const GateRow worse = with_drop(0.04, 60);
  CHECK(worse.verdict == Verdict::regression);
  CHECK(std::abs(worse.effect + 4.0) < 1e-9);
  CHECK(worse.high < 0);
  CHECK(with_drop(0.0, 60).verdict == Verdict::pass);
  CHECK(with_drop(0.005, 60).verdict == Verdict::pass);  // half a point, for sure
  CHECK(with_drop(0.02, 4).verdict == Verdict::inconclusive);
}

TEST_CASE("many repeats of an answer are one answer") {
  // Forty processes that lose the same item say no more than one.
  Script script = scenario("one item of 30 lost").script;
  script.num_rounds = 40;
  const GateRow& row = row_of(judged(script), "score");
  CHECK(row.verdict == Verdict::inconclusive);
  CHECK(row.p == 0.5);
  CHECK(row.num_base == 30);
}

TEST_CASE("a base that differs from itself judges nobody") {
  Script script = scenario("identical tokens").script;
  const auto measure = script.measure;
  const Arm restless = GENERATE(Arm::base, Arm::twin);
  script.measure = [measure, restless](const PlannedCell& planned, const Turn& turn,
                                       ScriptNoise& noise) {
    auto trials = measure(planned, turn, noise);
    if (turn.arm == restless && turn.round == 1) trials[0].answers[3].output = "a third";
    return trials;
  };
  const GateReport report = judged(script);
  CHECK(report.verdict == Verdict::environment_untrusted);
  CHECK(row_of(report, "tokens").verdict == Verdict::environment_untrusted);
  CHECK(finds(report, "the base differs from itself"));
}

TEST_CASE("what the base got wrong is not held against the candidate") {
  Script script = scenario("new cell").script;
  script.plan = [](Arm) { return std::vector{scripted_cell(0), scripted_cell(1)}; };
  const auto measure = script.measure;
  script.measure = [measure](const PlannedCell& planned, const Turn& turn, ScriptNoise& noise) {
    auto trials = measure(planned, turn, noise);
    if (planned.position == 1) {
      trials[0].outcome = turn.arm == Arm::base ? TrialOutcome::incorrect : TrialOutcome::ok;
      trials[0].reason = turn.arm == Arm::base ? "row 3" : "";
    }
    return trials;
  };
  const GateReport report = judged(script);
  CHECK(report.verdict == Verdict::pass);
  CHECK(finds(report, "is not judged: it is wrong in the base: incorrect: row 3"));
}

TEST_CASE("a candidate that fails, stops or loses a metric does not pass") {
  Script script = scenario("new cell").script;
  script.plan = [](Arm) { return std::vector{scripted_cell(0)}; };
  const auto measure = script.measure;
  const auto with = [&](auto change) {
    script.measure = [measure, change](const PlannedCell& planned, const Turn& turn,
                                       ScriptNoise& noise) {
      auto trials = measure(planned, turn, noise);
      if (turn.arm == Arm::candidate) change(turn, trials);
      return trials;
    };
    return judged(script);
  };
  GateReport report = with([](const Turn& turn, std::vector<TrialRecord>& trials) {
    if (turn.round == 2) {
      trials[0].outcome = TrialOutcome::failed;
      trials[0].reason = "out of memory";
    }
  });
  CHECK(row_of(report, "cell").verdict == Verdict::regression);
  CHECK(contains(row_of(report, "cell").reason, "failed in 1 of 20 processes: failed: out of"));
  CHECK(report.quality_regressed);
  report = with([](const Turn&, std::vector<TrialRecord>& trials) { trials.clear(); });
  CHECK(report.verdict == Verdict::insufficient);
  CHECK(contains(row_of(report, "cell").reason, "not run"));
  report = with([](const Turn&, std::vector<TrialRecord>& trials) {
    std::erase_if(trials[0].metrics, [](const auto& metric) { return metric.name == "prefill"; });
  });
  CHECK(row_of(report, "prefill").verdict == Verdict::regression);
  CHECK(contains(row_of(report, "prefill").reason, "no longer measures"));
  CHECK(report.quality_regressed);
  // A process that stopped before its cell costs the round, not the verdict.
  report = with([](const Turn& turn, std::vector<TrialRecord>& trials) {
    if (turn.round == 2) trials.clear();
  });
  CHECK(report.verdict == Verdict::pass);
  CHECK(row_of(report, "prefill").num_base == 19);
  CHECK(finds(report, "lack a value on one side: up to 1"));
}

TEST_CASE("of several entries of a policy the first that fits a cell holds") {
  Script script = scenario("slower").script;
  script.policy =
      R"({"metrics": [
        {"metric": "prefill", "kind": "time", "margin": 0.1, "where": {"context_tokens": 2048}},
        {"metric": "prefill", "kind": "time", "margin": 0.02}]})";
  const GateReport report = judged(script);
  CHECK(report.rows.size() == 2);
  CHECK(row_of(report, "prefill", 1024).verdict == Verdict::regression);
  CHECK(row_of(report, "prefill", 2048).verdict == Verdict::pass);
}

TEST_CASE("a policy that fits nothing is an error that says what there is") {
  Script script = scenario("slower").script;
  script.policy =
      R"({"metrics": [{"metric": "exact", "kind": "exact"},
                      {"metric": "prefil", "kind": "time", "margin": 0.02}]})";
  auto message = message_of<InvalidArgument>([&] { judged(script); });
  CHECK(contains(message, "no cell of the base has prefil;"));
  CHECK(contains(message, "cache_bytes, matrix_work, prefill"));
  script.policy =
      R"({"metrics": [{"metric": "prefill", "kind": "time", "margin": 0.02,
                       "where": {"context_tokens": 7}}]})";
  CHECK(
      contains(message_of<InvalidArgument>([&] { judged(script); }), "prefill, context_tokens 7"));
  script.policy =
      R"({"metrics": [{"metric": "score", "kind": "quality", "margin": 1, "required": false}]})";
  CHECK(contains(message_of<InvalidArgument>([&] { judged(script); }), "a metric of the policy"));
  script.policy = R"({"metrics": [{"metric": "cache_bytes", "kind": "time", "margin": 0.02}]})";
  CHECK(contains(message_of<InvalidArgument>([&] { judged(script); }),
                 "cache_bytes cannot be of kind time"));
  GateEvidence nobody = make_evidence(scenario("slower").script);
  std::erase_if(nobody.samples, [](const auto& sample) { return sample.arm == Arm::candidate; });
  CHECK(contains(message_of<InvalidArgument>([&] { judge(default_gate_policy(), nobody); }),
                 "no process of the candidate"));
}

TEST_CASE("what is stored is judged as what was measured") {
  const ScratchFolder folder;
  for (const char* name : {"slower", "20 of 300 items lost", "cold first arm"}) {
    CAPTURE(name);
    const Script& script = scenario(name).script;
    const std::string path = folder / "a.db";
    std::filesystem::remove(path);
    write_comparison(path, script);
    const ResultStore store = ResultStore::open(path, ResultStore::Mode::read_only);
    const GateReport stored =
        judge(policy_of(script), load_evidence(store, store.load_comparison("last")));
    CHECK(render(TableFormat::json, gate_tables(stored)) ==
          render(TableFormat::json, gate_tables(judged(script))));
  }
}

}  // namespace
}  // namespace dsabench::test
