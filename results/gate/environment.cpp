#include "results/gate/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "results/gate/timing.h"
#include "results/statistics/signed_rank.h"

namespace dsabench::gate {
namespace {

/// Of the runs of an arm, in order of first appearance.
using Ids = std::map<Arm, std::set<std::string>>;

void require_one(const Ids& ids, Environment& environment) {
  std::map<std::string, std::set<std::string>> arms_of;
  for (const auto& [arm, values] : ids) {
    for (const std::string& id : values) arms_of[id].insert(arm_name(arm));
  }
  if (arms_of.size() < 2) return;
  std::string all;
  for (const auto& [id, arms] : arms_of) {
    all += fmt::format("{}{} ({})", all.empty() ? "" : ", ", id, fmt::join(arms, ", "));
  }
  environment.distrust("the processes ran on several machines: " + all);
}

/// Of each process that timed the metric, the logarithm of its median, less its arm's mean.
struct Residual {
  std::int64_t round = 0, place = 0;
  double value = 0;
};
void add_residuals(const std::vector<Observation>& side, const std::string& metric,
                   std::vector<Residual>& residuals) {
  const std::size_t first = residuals.size();
  double sum = 0;
  for (const Observation& seen : side) {
    const auto median = process_median(*seen.view, metric);
    if (!median) continue;
    residuals.push_back({seen.round, seen.place, std::log(*median)});
    sum += residuals.back().value;
  }
  const auto count = static_cast<double>(residuals.size() - first);
  for (std::size_t i = first; i < residuals.size(); ++i) residuals[i].value -= sum / count;
}

struct Mean {
  double sum = 0, count = 0;
  void add(double value) {
    sum += value;
    ++count;
  }
  double value() const { return sum / count; }
};

}  // namespace

void check_runs(const GateEvidence& evidence, Environment& environment) {
  Ids machines, models;
  std::int64_t num_mixed = 0;
  std::map<std::string, std::int64_t> unfinished;
  for (const GateSample& sample : evidence.samples) {
    const RunRecord& run = sample.run.run;
    machines[sample.arm].insert(run.machine_id);
    models[sample.arm].insert(run.model_id);
    num_mixed += run.mixed;
    if (run.status != "done") ++unfinished[run.status];
  }
  require_one(machines, environment);
  if (num_mixed > 0) {
    environment.distrust(
        fmt::format("{} runs were gone on with on another machine or by another build", num_mixed));
  }
  if (models[Arm::base] != models[Arm::candidate]) {
    environment.note("base and candidate ran other model files");
  }
  for (const auto& [status, count] : unfinished) {
    environment.note(fmt::format("{} runs are not complete: {}", count, status));
  }
}

void check_throttling(const EvidenceCell& cell, Environment& environment) {
  for (const Arm arm : {Arm::base, Arm::twin, Arm::candidate}) {
    const std::int64_t num_without = tally(cell.of(arm)).num_discarded;
    if (num_without == 0) continue;
    environment.distrust(
        fmt::format("{} of {} processes of the {} have no value of {}: throttled at every attempt",
                    num_without, cell.of(arm).size(), arm_name(arm), cell.name()));
  }
}

void count_throttled(const GateEvidence& evidence, Environment& environment) {
  std::int64_t num_discarded = 0;
  for (const GateSample& sample : evidence.samples) {
    for (const TrialRecord& trial : sample.run.trials) {
      num_discarded += trial.outcome == TrialOutcome::discarded;
    }
  }
  if (num_discarded > 0) {
    environment.note(fmt::format("{} trials were throttled and are left out", num_discarded));
  }
}

void check_first_place(const std::vector<TimedMetric>& metrics, Environment& environment) {
  constexpr double kAlpha = 0.01, kSmallest = 0.01;
  std::map<std::int64_t, Mean> leads;  // of the first place before the others, by round
  for (const TimedMetric& timed : metrics) {
    std::vector<Residual> residuals;
    for (const Arm arm : {Arm::base, Arm::twin, Arm::candidate}) {
      add_residuals(timed.cell->of(arm), timed.metric, residuals);
    }
    std::map<std::int64_t, std::pair<Mean, Mean>> rounds;
    for (const Residual& residual : residuals) {
      auto& [first, others] = rounds[residual.round];
      (residual.place == 0 ? first : others).add(residual.value);
    }
    for (const auto& [round, means] : rounds) {
      const auto& [first, others] = means;
      if (first.count > 0 && others.count > 0) leads[round].add(first.value() - others.value());
    }
  }
  std::vector<double> differences;
  for (const auto& [round, lead] : leads) differences.push_back(lead.value());
  if (differences.empty()) return;
  const SignedRankTest test = signed_rank_test(differences);
  const double effect = std::expm1(hodges_lehmann(differences, 0.5).estimate);
  if (!(test.p_two_sided < kAlpha) || std::abs(effect) < kSmallest) return;
  environment.note(fmt::format(
      "the first process of a round takes {:.1f} % {} time than the others (p {:.2g}); the drawn "
      "order keeps that out of the verdict",
      100 * std::abs(effect), effect > 0 ? "more" : "less", test.p_two_sided));
}

}  // namespace dsabench::gate
