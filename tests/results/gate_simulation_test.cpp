/// How often the gate is wrong, on made-up noise like a real machine's.
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <vector>

#include "results/gate.h"
#include "results/statistics/rank_sum.h"
#include "tests/results/gate_scenarios.h"
#include "tests/support/random.h"
#include "tests/support/sanitized.h"

namespace dsabench::test {
namespace {

/// Logarithms of a machine's speed: a slow drift, AR(1), beside each process's own noise.
class DriftingMachine {
 public:
  DriftingMachine(Random& random, double drift, double noise)
      : random_(random), drift_(drift), noise_(noise) {}
  double next() {
    level_ = 0.9 * level_ + random_.normal(drift_);
    return level_ + random_.normal(noise_);
  }

 private:
  Random& random_;
  double drift_, noise_, level_ = 0;
};

/// One cell, a prefill time a process.
GateSample process(const PlannedCell& planned, Arm arm, std::int64_t round, std::int64_t place,
                   double log_time) {
  GateSample sample{arm, round, place, {}};
  sample.run.run.status = "done";
  sample.run.plan = {planned};
  sample.run.trials = {timed_trial(100e6 * std::exp(log_time))};
  sample.run.trials[0].cell_id = planned.cell.cell_id;
  return sample;
}

/// Pairs in a drawn order, each process fresh.
GateEvidence interleaved(Random& random, DriftingMachine& machine, std::int64_t num_pairs,
                         double slowdown) {
  GateEvidence evidence;
  evidence.paired = true;
  const PlannedCell planned = scripted_cell(0);
  for (std::int64_t round = 0; round < num_pairs; ++round) {
    const bool base_first = random.integer(0, 1) == 0;
    for (std::int64_t place = 0; place < 2; ++place) {
      const Arm arm = (place == 0) == base_first ? Arm::base : Arm::candidate;
      const double extra = arm == Arm::candidate ? std::log1p(slowdown) : 0.0;
      evidence.samples.push_back(process(planned, arm, round, place, machine.next() + extra));
    }
  }
  return evidence;
}

GatePolicy strict_policy(double alpha, double margin) {
  GatePolicy policy;
  policy.alpha = alpha;
  policy.metrics = {{"prefill", MetricKind::time, margin, {}, true}};
  return policy;
}

/// The most alarms that a rate of `rate` gives in so many trials, but for one time in a million.
std::int64_t most(std::int64_t trials, double rate) {
  const boost::math::binomial alarms(static_cast<double>(trials), rate);
  return static_cast<std::int64_t>(quantile(complement(alarms, 1e-6)));
}
std::int64_t fewest(std::int64_t trials, double rate) {
  const boost::math::binomial hits(static_cast<double>(trials), rate);
  return static_cast<std::int64_t>(quantile(hits, 1e-6));
}

constexpr std::int64_t kComparisons = kSanitized ? 100 : 400;

TEST_CASE("pairs raise no more false alarms than alpha under drift, blocks do") {
  DSABENCH_SEEDED(random);
  constexpr std::int64_t kPairs = 20;
  constexpr double kAlpha = 0.05;
  std::int64_t alarms = 0, block_alarms = 0;
  for (std::int64_t i = 0; i < kComparisons; ++i) {
    DriftingMachine machine(random, 0.004, 0.005);
    const GateReport report =
        judge(strict_policy(kAlpha, 0.0), interleaved(random, machine, kPairs, 0.0));
    alarms += report.verdict == Verdict::regression;
    // The same noise, one arm after the other, as comparisons are usually made.
    DriftingMachine other(random, 0.004, 0.005);
    GateEvidence blocks;
    const PlannedCell planned = scripted_cell(0);
    for (const Arm arm : {Arm::base, Arm::candidate}) {
      for (std::int64_t round = 0; round < kPairs; ++round) {
        blocks.samples.push_back(process(planned, arm, round, 0, other.next()));
      }
    }
    block_alarms += judge(strict_policy(kAlpha, 0.0), blocks).verdict == Verdict::regression;
  }
  CAPTURE(alarms, block_alarms);
  CHECK(alarms <= most(kComparisons, kAlpha));
  // A quarter of them; half again as many as the level allows is four deviations below.
  CHECK(static_cast<double>(block_alarms) > 1.5 * kAlpha * kComparisons);
}

TEST_CASE("the default policy is hardly ever wrong on equal builds, and sees three percent") {
  DSABENCH_SEEDED(random);
  const GatePolicy policy = strict_policy(0.01, 0.02);
  std::int64_t alarms = 0, passes = 0, caught = 0, overlooked = 0;
  for (std::int64_t i = 0; i < kComparisons; ++i) {
    DriftingMachine machine(random, 0.004, 0.005);
    const Verdict equal = judge(policy, interleaved(random, machine, 20, 0.0)).verdict;
    alarms += equal == Verdict::regression;
    passes += equal == Verdict::pass;
    DriftingMachine slower(random, 0.004, 0.005);
    const Verdict seen = judge(policy, interleaved(random, slower, 40, 0.03)).verdict;
    caught += seen == Verdict::regression;
    overlooked += seen == Verdict::pass;
  }
  CAPTURE(alarms, passes, caught, overlooked);
  CHECK(alarms <= most(kComparisons, 0.001));
  CHECK(passes >= fewest(kComparisons, 0.95));
  CHECK(caught >= fewest(kComparisons, 0.95));
  CHECK(overlooked <= most(kComparisons, 0.001));
}

TEST_CASE("the slowdown that is said to be seen is seen nine times in ten") {
  DSABENCH_SEEDED(random);
  const GatePolicy policy = strict_policy(0.01, 0.02);
  constexpr double kNoise = 0.01;
  // What a report says of steady noise of this size; the sd of a pair is the root of two times it.
  DriftingMachine steady(random, 0.0, kNoise);
  double said = 0;
  constexpr int kReports = 40;
  for (int i = 0; i < kReports; ++i) {
    said += judge(policy, interleaved(random, steady, 30, 0.0)).rows.at(0).detectable / kReports;
  }
  std::int64_t caught = 0;
  for (std::int64_t i = 0; i < kComparisons; ++i) {
    caught += judge(policy, interleaved(random, steady, 30, said)).verdict == Verdict::regression;
  }
  CAPTURE(said, caught);
  CHECK(said > 0.02);
  CHECK(said < 0.04);
  CHECK(caught >= fewest(kComparisons, 0.86));
  CHECK(caught <= most(kComparisons, 0.94));
}

TEST_CASE("many metrics raise no more false alarms together than alpha") {
  DSABENCH_SEEDED(random);
  constexpr double kAlpha = 0.05;
  constexpr std::int64_t kTrials = kSanitized ? 20 : 100;
  std::int64_t alarms = 0;
  for (std::int64_t i = 0; i < kTrials; ++i) {
    GateEvidence all;
    all.paired = true;
    for (std::int64_t cell = 0; cell < 40; ++cell) {
      DriftingMachine machine(random, 0.004, 0.005);
      const GateEvidence one = interleaved(random, machine, 20, 0.0);
      const PlannedCell planned = scripted_cell(cell);
      for (std::size_t s = 0; s < one.samples.size(); ++s) {
        if (cell == 0) all.samples.push_back(one.samples[s]);
        // Arms of a round come in one order for all cells; it plays no part here.
        for (std::size_t t = 0; t < all.samples.size() && cell > 0; ++t) {
          if (all.samples[t].round != one.samples[s].round ||
              all.samples[t].arm != one.samples[s].arm) {
            continue;
          }
          all.samples[t].run.plan.push_back(planned);
          all.samples[t].run.trials.push_back(one.samples[s].run.trials[0]);
          all.samples[t].run.trials.back().cell_id = planned.cell.cell_id;
        }
      }
    }
    alarms += judge(strict_policy(kAlpha, 0.0), all).verdict == Verdict::regression;
  }
  CAPTURE(alarms);
  CHECK(alarms <= most(kTrials, kAlpha));
}

}  // namespace
}  // namespace dsabench::test
