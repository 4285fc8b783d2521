/// Comparisons whose processes are a script: what is caught, when it ends, what is kept.
#include "harness/run/ab_run.h"

#include <cmath>
#include <functional>
#include <map>

#include "kernels/base/error.h"
#include "tests/harness/scripted_arms.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

using test::scripted_run;

/// A machine on which a time of 100 ms wanders and jitters; arms are `factor` times as slow.
class ScriptedMachine {
 public:
  ScriptedMachine(test::Random& random, double jitter, double drift)
      : random_(random), jitter_(jitter), drift_(drift) {}

  std::map<Arm, double> factor{{Arm::base, 1}, {Arm::twin, 1}, {Arm::candidate, 1}};
  std::vector<Arm> turns;
  std::vector<std::int64_t> kept;  ///< rounds
  std::function<std::optional<RunResults>(const ComparisonSample&)> instead;

  RoundCallbacks callbacks() {
    return {.measure = [this](const ComparisonSample& turn) -> std::optional<RunResults> {
              turns.push_back(turn.arm);
              if (instead) {
                std::optional<RunResults> run = instead(turn);
                if (!run || run->plan.size() > 0) return run;
              }
              level_ += random_.normal(drift_);
              return scripted_run(1e8 * factor.at(turn.arm) *
                                  std::exp(level_ + random_.normal(jitter_)));
            },
            .keep =
                [this](std::span<const GateSample> round) {
                  for (std::size_t i = 0; i < round.size(); ++i) {
                    CHECK(round[i].place == static_cast<std::int64_t>(i));
                    CHECK(round[i].round == round.front().round);
                  }
                  kept.push_back(round.front().round);
                }};
  }

 private:
  test::Random& random_;
  double jitter_, drift_, level_ = 0;
};

GatePolicy prefill_policy() {
  GatePolicy policy;
  policy.metrics = {{"prefill", MetricKind::time, 0.02, {}}};
  return policy;
}

AbOptions real_options(std::uint64_t seed) {
  AbOptions options;
  options.seed = seed;
  options.looks = plan_looks({10, 20, 40, 60}, 0.01, 1);
  options.judge = [](const GateEvidence& evidence) { return judge(prefill_policy(), evidence); };
  return options;
}

/// A verdict of one row that does not look at the evidence.
GateReport report_of(Verdict verdict) {
  GateReport report;
  report.rows.emplace_back().verdict = verdict;
  report.verdict = verdict;
  return report;
}
AbOptions scripted_options(std::vector<std::int64_t> looks, const std::vector<Verdict>& verdicts,
                           std::vector<std::int64_t>& looked_at) {
  AbOptions options;
  options.looks = {std::move(looks), 0.5, 1};
  options.judge = [verdicts, &looked_at](const GateEvidence& evidence) {
    CHECK(evidence.paired);
    CHECK(evidence.alpha_share == 0.5);
    looked_at.push_back(std::ssize(evidence.samples) / 3);
    return report_of(verdicts.at(looked_at.size() - 1));
  };
  return options;
}

TEST_CASE("a candidate that is 3 % slower is caught, and its twin is not") {
  DSABENCH_SEEDED(random);
  ScriptedMachine machine(random, 0.005, 0.004);
  machine.factor[Arm::candidate] = 1.03;
  const AbResult result = run_ab(real_options(7), machine.callbacks());
  REQUIRE(result.report.rows.size() == 1);
  CHECK(result.report.verdict == Verdict::regression);
  CHECK(!(std::abs(result.report.rows[0].effect - 1.03) > 0.01));
  CHECK(result.report.rows[0].detectable > 0);
  CHECK(std::ssize(machine.kept) == result.num_rounds);
  CHECK(std::ssize(machine.turns) == 3 * result.num_rounds);
}

TEST_CASE("a candidate that is the base passes, where blocks would drift apart") {
  DSABENCH_SEEDED(random);
  ScriptedMachine machine(random, 0.002, 0.004);
  const AbResult result = run_ab(real_options(8), machine.callbacks());
  CHECK(result.report.verdict == Verdict::pass);
  CHECK(result.num_rounds <= 60);
}

TEST_CASE("a faster candidate passes") {
  DSABENCH_SEEDED(random);
  ScriptedMachine machine(random, 0.005, 0.004);
  machine.factor[Arm::candidate] = 0.9;
  const AbResult result = run_ab(real_options(9), machine.callbacks());
  CHECK(result.report.verdict == Verdict::pass);
  CHECK(result.num_rounds == 10);
}

TEST_CASE("a twin that differs from its base ends the comparison: the machine is not trusted") {
  DSABENCH_SEEDED(random);
  for (const double twin : {1.06, 0.94}) {
    ScriptedMachine machine(random, 0.005, 0.0);
    machine.factor[Arm::twin] = twin;
    machine.factor[Arm::candidate] = 1.03;
    const AbResult result = run_ab(real_options(10), machine.callbacks());
    CHECK(result.report.verdict == Verdict::environment_untrusted);
    CHECK(result.num_rounds == 10);
  }
}

TEST_CASE("orders are those of the seed, whatever was measured") {
  DSABENCH_SEEDED(random);
  std::vector<Arm> turns;
  for (int i = 0; i < 2; ++i) {
    ScriptedMachine machine(random, 0.005, 0.004);
    machine.factor[Arm::candidate] = 1.5;
    run_ab(real_options(11), machine.callbacks());
    if (i == 0) turns = machine.turns;
    CHECK(machine.turns == turns);
  }
  const std::array<Arm, 3> arms{Arm::base, Arm::twin, Arm::candidate};
  for (std::size_t round = 0; round < turns.size() / 3; ++round) {
    const std::vector<Arm> order = order_of_round(arms, 11, static_cast<std::int64_t>(round));
    CHECK(std::equal(order.begin(), order.end(), turns.begin() + 3 * round));
  }
}

TEST_CASE("it goes on while a row is undecided, and to the last look at most") {
  DSABENCH_SEEDED(random);
  ScriptedMachine machine(random, 0, 0);
  std::vector<std::int64_t> looked_at;
  AbResult result =
      run_ab(scripted_options({2, 5, 9}, {Verdict::inconclusive, Verdict::pass}, looked_at),
             machine.callbacks());
  CHECK(looked_at == std::vector<std::int64_t>{2, 5});
  CHECK(result.num_rounds == 5);
  CHECK(result.report.verdict == Verdict::pass);

  looked_at.clear();
  const std::vector<Verdict> never(3, Verdict::insufficient);
  result = run_ab(scripted_options({2, 5, 9}, never, looked_at), machine.callbacks());
  CHECK(looked_at == std::vector<std::int64_t>{2, 5, 9});
  CHECK(result.num_looks == 3);
  CHECK(result.report.verdict == Verdict::insufficient);
}

TEST_CASE("an interruption discards its round whole and gives no verdict on it") {
  DSABENCH_SEEDED(random);
  const auto round = random.integer(0, 8), place = random.integer(0, 2);
  CAPTURE(round, place);
  ScriptedMachine machine(random, 0, 0);
  machine.instead = [&](const ComparisonSample& turn) -> std::optional<RunResults> {
    if (turn.round == round && turn.place == place) return std::nullopt;
    return RunResults();
  };
  std::vector<std::int64_t> looked_at;
  const AbResult result =
      run_ab(scripted_options({2, 5, 9}, std::vector<Verdict>(3, Verdict::inconclusive), looked_at),
             machine.callbacks());
  CHECK(result.interrupted);
  CHECK(result.num_rounds == round);
  CHECK(std::ssize(machine.kept) == round);
  CHECK(std::ssize(looked_at) == (round >= 5 ? 2 : round >= 2 ? 1 : 0));
}

TEST_CASE("a signal between two processes ends the round before the next one starts") {
  DSABENCH_SEEDED(random);
  ScriptedMachine machine(random, 0, 0);
  RoundCallbacks callbacks = machine.callbacks();
  callbacks.interrupted = [&] { return machine.turns.size() == 4; };
  std::vector<std::int64_t> looked_at;
  const AbResult result = run_ab(scripted_options({2}, {Verdict::pass}, looked_at), callbacks);
  CHECK(result.interrupted);
  CHECK(machine.turns.size() == 4);
  CHECK(machine.kept == std::vector<std::int64_t>{0});
}

TEST_CASE("a process that fails ends the comparison, and its round is not kept") {
  DSABENCH_SEEDED(random);
  ScriptedMachine machine(random, 0, 0);
  machine.instead = [&](const ComparisonSample& turn) -> std::optional<RunResults> {
    if (turn.round == 1 && turn.place == 2) throw Error("out of memory");
    return RunResults();
  };
  std::vector<std::int64_t> looked_at;
  CHECK_THROWS_AS(run_ab(scripted_options({2}, {Verdict::pass}, looked_at), machine.callbacks()),
                  Error);
  CHECK(machine.kept == std::vector<std::int64_t>{0});
  CHECK(looked_at.empty());
}

TEST_CASE("a time limit is followed by one of the planned looks, and the first round always fits") {
  DSABENCH_SEEDED(random);
  const std::vector<Verdict> never(3, Verdict::inconclusive);
  for (const std::int64_t limit : {0, 1, 2, 3, 5, 7}) {
    CAPTURE(limit);
    ScriptedMachine machine(random, 0, 0);
    RoundCallbacks callbacks = machine.callbacks();
    callbacks.fits = [&] { return std::ssize(machine.kept) < limit; };
    std::vector<std::int64_t> looked_at;
    const AbResult result = run_ab(scripted_options({2, 5, 9}, never, looked_at), callbacks);
    const std::int64_t rounds = std::max<std::int64_t>(1, limit);
    CHECK(result.out_of_time);
    CHECK(result.num_rounds == rounds);
    REQUIRE_FALSE(looked_at.empty());
    CHECK(looked_at.back() == rounds);
    CHECK(std::adjacent_find(looked_at.begin(), looked_at.end()) == looked_at.end());
  }
}

TEST_CASE("a round with a wrong or a throttled cell is the last one, and is looked at") {
  DSABENCH_SEEDED(random);
  for (const TrialOutcome outcome : {TrialOutcome::incorrect, TrialOutcome::discarded}) {
    ScriptedMachine machine(random, 0.002, 0);
    machine.instead = [&](const ComparisonSample& turn) -> std::optional<RunResults> {
      if (turn.round == 3 && turn.arm == Arm::candidate) {
        return scripted_run(1e8, {test::scripted_cell()}, outcome);
      }
      return RunResults();
    };
    const AbResult result = run_ab(real_options(12), machine.callbacks());
    CHECK(result.spoiled);
    CHECK(result.num_rounds == 4);
    CHECK(result.num_looks == 1);
    CHECK(result.report.verdict == (outcome == TrialOutcome::incorrect
                                        ? Verdict::regression
                                        : Verdict::environment_untrusted));
    CHECK(result.report.quality_regressed == (outcome == TrialOutcome::incorrect));
  }
}

TEST_CASE("arms that differ in their context are held against each other cell by cell") {
  DSABENCH_SEEDED(random);
  RoundCallbacks callbacks;
  callbacks.measure = [&](const ComparisonSample& turn) {
    const bool slower = turn.arm == Arm::candidate;
    return scripted_run(1e8 * (slower ? 1.06 : 1) * std::exp(random.normal(0.003)),
                        {test::scripted_cell(slower ? 2112 : 2048)});
  };
  AbOptions options = real_options(13);
  options.ignored_keys = {"context_tokens"};
  const AbResult result = run_ab(options, callbacks);
  CHECK(result.report.verdict == Verdict::regression);
  CHECK_FALSE(result.report.quality_regressed);
  REQUIRE(result.report.rows.size() == 1);
  CHECK(result.report.rows[0].cell.context_tokens == 2112);
}

}  // namespace
}  // namespace dsabench
