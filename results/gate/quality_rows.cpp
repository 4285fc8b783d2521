#include "results/gate/quality_rows.h"

#include <fmt/format.h>

#include "results/gate/adjusted.h"

namespace dsabench::gate {
namespace {

void check_twin(const std::vector<QualityCase>& all, Environment& environment) {
  std::vector<const QualityCase*> cases;
  std::vector<QualityEstimate> estimates;
  for (const QualityCase& one : all) {
    const PairedScores scores = pair_scores(one.cell->base, one.cell->twin);
    if (scores.base.empty() || scores.identical) continue;
    cases.push_back(&one);
    estimates.push_back(estimate_quality(scores, one.rule));
  }
  const auto worse = adjusted(estimates, &QualityEstimate::p_worse);
  const auto better = adjusted(estimates, &QualityEstimate::p_better);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const QualityEstimate& seen = estimates[i];
    const QualityRule& rule = cases[i]->rule;
    const bool down = worse[i] < rule.alpha && seen.difference < -rule.margin && seen.high < 0;
    const bool up = better[i] < rule.alpha && seen.difference > rule.margin && seen.low > 0;
    if (!up && !down) continue;
    environment.distrust(
        fmt::format("{}: the scores of the base's twin differ from the base's by {:+.2f} points",
                    cases[i]->cell->name(), seen.difference));
  }
}

}  // namespace

void close_quality(const std::vector<QualityCase>& cases, GateReport& report,
                   Environment& environment) {
  std::vector<PairedScores> scores;
  std::vector<QualityEstimate> estimates;
  for (const QualityCase& one : cases) {
    scores.push_back(pair_scores(one.cell->base, one.cell->candidate));
    estimates.push_back(scores.back().base.empty() ? QualityEstimate{}
                                                   : estimate_quality(scores.back(), one.rule));
  }
  const auto p_adjusted = adjusted(estimates, &QualityEstimate::p_worse);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    GateRow& row = report.rows[cases[i].row];
    const QualityEstimate& estimate = estimates[i];
    row.base = estimate.base;
    row.candidate = estimate.candidate;
    row.num_base = std::ssize(scores[i].base) + scores[i].only_base;
    row.num_candidate = std::ssize(scores[i].base) + scores[i].only_candidate;
    row.effect = estimate.difference;
    row.low = estimate.low;
    row.high = estimate.high;
    row.p = estimate.p_worse;
    row.p_adjusted = p_adjusted[i];
    if (scores[i].base.empty()) {
      row.verdict = Verdict::insufficient;
      row.reason = "no item has the same prompt on both sides";
      continue;
    }
    row.verdict = judge_quality(scores[i], estimate, cases[i].rule, p_adjusted[i], row.reason);
    report.quality_regressed |= row.verdict == Verdict::regression;
    if (scores[i].only_base + scores[i].only_candidate > 0) {
      environment.note(fmt::format("{}: {} items are in the base alone, {} in the candidate",
                                   cases[i].cell->name(), scores[i].only_base,
                                   scores[i].only_candidate));
    }
  }
  check_twin(cases, environment);
}

}  // namespace dsabench::gate
