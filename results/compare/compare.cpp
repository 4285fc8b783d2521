#include "results/compare.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/base/error.h"
#include "results/compare/metric_ratio.h"
#include "results/compare/pair_table.h"
#include "results/compare/pairing.h"
#include "results/compare/quality_difference.h"
#include "results/report/fields.h"

namespace dsabench {
namespace {

using compare::CellPair;
using compare::ScoreDifference;
using compare::Unmatched;
using report::CellView;
using report::naming;
using report::nonempty;

constexpr std::int64_t kMinResamples = 100;

/// The metrics of a cell's ok trials, in order of first appearance.
std::vector<const MetricSamples*> metrics_of(const CellView& view) {
  std::vector<const MetricSamples*> metrics;
  for (const TrialRecord* trial : view.ok_trials) {
    for (const MetricSamples& metric : trial->metrics) {
      const bool seen = std::any_of(metrics.begin(), metrics.end(),
                                    [&](const auto* other) { return other->name == metric.name; });
      if (!seen) metrics.push_back(&metric);
    }
  }
  return metrics;
}

const MetricSamples* find_metric(const std::vector<const MetricSamples*>& metrics,
                                 const std::string& name) {
  for (const MetricSamples* metric : metrics) {
    if (metric->name == name) return metric;
  }
  return nullptr;
}

Table speed_layout() {
  using enum Shown;
  return compare::pair_table("Speed: candidate against base", "compare_speed",
                             {naming("metric", "metric"),
                              {"unit", "unit", "", 0, everywhere},
                              {"better", "better", "", 0, in_data},
                              {"base_median", "base", "", 0, everywhere},
                              {"candidate_median", "candidate", "", 0, everywhere},
                              {"ratio", "ratio", "", 4, everywhere},
                              {"ratio_low", "ratio, low", "", 4, in_data},
                              {"ratio_high", "ratio, high", "", 4, in_data},
                              {"interval", "95 %", "", 0, in_markdown},
                              {"base_samples", "base samples", "", 0, in_data},
                              {"candidate_samples", "candidate samples", "", 0, in_data}});
}

/// Adds a pair's metrics; those of one side alone go to `unmatched`.
void add_metrics(Table& table, const CellPair& pair, std::vector<Unmatched>& unmatched) {
  const auto base_metrics = metrics_of(*pair.base);
  const auto candidate_metrics = metrics_of(*pair.candidate);
  for (const MetricSamples* metric : candidate_metrics) {
    const MetricSamples* other = find_metric(base_metrics, metric->name);
    if (other == nullptr || other->unit != metric->unit) {
      unmatched.push_back(
          {pair.candidate, "candidate",
           fmt::format("the base has no metric {} in {}", metric->name, metric->unit)});
      continue;
    }
    const compare::MedianRatio ratio = compare::median_ratio(pair.base->pooled(metric->name),
                                                             pair.candidate->pooled(metric->name));
    if (ratio.base.count == 0 || ratio.candidate.count == 0) continue;
    const bool interval = ratio.interval && metric->better != "exact";
    compare::add_row(
        table, pair,
        {metric->name, nonempty(metric->unit), nonempty(metric->better), ratio.base.median,
         ratio.candidate.median, ratio.ratio ? Field(*ratio.ratio) : Field(),
         interval ? Field(ratio.interval->low) : Field(),
         interval ? Field(ratio.interval->high) : Field(),
         interval ? Field(fmt::format("{:.4f}–{:.4f}", ratio.interval->low, ratio.interval->high))
                  : Field(),
         ratio.base.count, ratio.candidate.count});
  }
  for (const MetricSamples* metric : base_metrics) {
    if (find_metric(candidate_metrics, metric->name) == nullptr) {
      unmatched.push_back(
          {pair.base, "base", fmt::format("the candidate has no metric {}", metric->name)});
    }
  }
}

Table quality_layout() {
  using enum Shown;
  return compare::pair_table("Quality: candidate against base, item by item", "compare_quality",
                             {naming("task", "task"),
                              {"items", "items", "", 0, everywhere},
                              {"base_score", "base", "", 1, everywhere},
                              {"candidate_score", "candidate", "", 1, everywhere},
                              {"difference", "difference", "", 2, everywhere},
                              {"difference_low", "difference, low", "", 2, in_data},
                              {"difference_high", "difference, high", "", 2, in_data},
                              {"interval", "95 %", "", 0, in_markdown},
                              {"items_better", "better", "", 0, everywhere},
                              {"items_worse", "worse", "", 0, everywhere}});
}

void add_scores(Table& table, const CellPair& pair, const CompareOptions& options,
                std::vector<Unmatched>& unmatched) {
  for (const ScoreDifference& score : compare::score_differences(
           *pair.base, *pair.candidate, options.seed, options.num_resamples)) {
    const auto note = [&](std::int64_t count, const char* side, const char* why) {
      if (count > 0) {
        unmatched.push_back(
            {pair.candidate, side, fmt::format("task {}: {} items {}", score.task, count, why)});
      }
    };
    note(score.only_base, "base", "are not in the candidate");
    note(score.only_candidate, "candidate", "are not in the base");
    note(score.other_prompt, "both", "have other prompts on each side");
    if (score.num_items == 0) continue;
    const double low = 100 * score.interval.low, high = 100 * score.interval.high;
    compare::add_row(
        table, pair,
        {score.task, score.num_items, 100 * score.base, 100 * score.candidate,
         100 * score.difference, low, high, fmt::format("{:+.2f} to {:+.2f}", low, high),
         score.num_better, score.num_worse});
  }
}

/// What both runs are, and in what they differ.
std::vector<std::string> run_notes(const RunRecord& base, const RunRecord& candidate) {
  std::vector<std::string> notes = {
      fmt::format("base: run {}; candidate: run {}", base.run_id, candidate.run_id)};
  const auto differ = [&](const char* what, const std::string& a, const std::string& b) {
    if (a != b) notes.push_back(fmt::format("other {}: {} against {}", what, a, b));
  };
  differ("machines", base.machine_id, candidate.machine_id);
  differ("builds", base.build_id, candidate.build_id);
  differ("model files", base.model_id, candidate.model_id);
  for (const RunRecord* run : {&base, &candidate}) {
    const char* side = run == &base ? "base" : "candidate";
    if (run->mixed) notes.push_back(fmt::format("the {} is of several machines or builds", side));
    if (run->status != "done") {
      notes.push_back(fmt::format("the {} is not complete: {}", side, run->status));
    }
    if (run->synthetic_weights) {
      notes.push_back(fmt::format("the {}'s weights are synthetic: accuracy is chance", side));
    }
  }
  return notes;
}

}  // namespace

std::vector<Table> compare_runs(const RunResults& base, const RunResults& candidate,
                                const CompareOptions& options) {
  if (options.num_resamples < kMinResamples) {
    throw InvalidArgument(fmt::format("compare: expected at least {} resamples, got {}",
                                      kMinResamples, options.num_resamples));
  }
  const std::vector<CellView> base_views = report::view_cells(base);
  const std::vector<CellView> candidate_views = report::view_cells(candidate);
  compare::Pairing pairing = compare::pair_cells(base_views, candidate_views, options.ignored_keys);
  Table speed = speed_layout(), quality = quality_layout();
  for (const CellPair& pair : pairing.pairs) {
    add_metrics(speed, pair, pairing.unmatched);
    add_scores(quality, pair, options, pairing.unmatched);
  }
  speed.notes = run_notes(base.run, candidate.run);
  speed.notes.push_back(
      "ratios are candidate / base of medians; their intervals cover the noise within the runs. "
      "Runs made one after the other also drift apart by themselves, so this is no verdict: for "
      "one, measure both in interleaved pairs");
  quality.notes.push_back(
      fmt::format("scores x 100 over the items that both sides answered; intervals: paired "
                  "bootstrap over items, {} resamples, seed {}",
                  options.num_resamples, options.seed));
  return {std::move(speed), std::move(quality), compare::unmatched_table(pairing.unmatched)};
}

}  // namespace dsabench
