#include "results/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "kernels/base/error.h"
#include "results/compare/metric_ratio.h"
#include "results/compare/pair_table.h"
#include "results/compare/pairing.h"
#include "results/compare/quality_difference.h"
#include "results/report/fields.h"

namespace dsabench {
namespace {

using compare::CellPair;
using compare::MedianRatio;
using compare::ScoreDifference;
using compare::Unmatched;
using report::CellView;
using report::naming;
using report::nonempty;
using report::optional_field;

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

Table counters_layout() {
  using enum Shown;
  return compare::pair_table("Counters that differ", "compare_counters",
                             {naming("metric", "metric"),
                              {"unit", "unit", "", 0, everywhere},
                              {"base_range", "base", "", 0, in_markdown},
                              {"candidate_range", "candidate", "", 0, in_markdown},
                              {"base_minimum", "base, smallest", "", 0, in_data},
                              {"base_maximum", "base, largest", "", 0, in_data},
                              {"candidate_minimum", "candidate, smallest", "", 0, in_data},
                              {"candidate_maximum", "candidate, largest", "", 0, in_data},
                              {"ratio", "ratio", "", 4, everywhere}});
}

/// What runs are compared by, cell by cell.
struct Comparison {
  Table speed = speed_layout(), quality = quality_layout(), counters = counters_layout();
  std::int64_t num_equal_counters = 0;
  std::vector<Unmatched> unmatched;
};

void add_speed(Table& table, const CellPair& pair, const MetricSamples& metric,
               const MedianRatio& ratio) {
  const std::optional<Interval>& interval = ratio.interval;
  compare::add_row(
      table, pair,
      {metric.name, nonempty(metric.unit), nonempty(metric.better), ratio.base.median,
       ratio.candidate.median, optional_field(ratio.ratio),
       interval ? Field(interval->low) : Field(), interval ? Field(interval->high) : Field(),
       interval ? Field(fmt::format("{:.4f}–{:.4f}", interval->low, interval->high)) : Field(),
       ratio.base.count, ratio.candidate.count});
}

/// A counter has one value, in all trials of a cell: any other is told.
void add_counter(Comparison& comparison, const CellPair& pair, const MetricSamples& metric,
                 const MedianRatio& ratio) {
  const auto &base = ratio.base, &candidate = ratio.candidate;
  if (base.minimum == candidate.minimum && base.maximum == candidate.maximum &&
      base.median == candidate.median) {
    ++comparison.num_equal_counters;
    return;
  }
  const auto range = [](const Summary& summary) {
    return summary.minimum == summary.maximum
               ? fmt::format("{:.0f}", summary.minimum)
               : fmt::format("{:.0f}–{:.0f}", summary.minimum, summary.maximum);
  };
  compare::add_row(
      comparison.counters, pair,
      {metric.name, nonempty(metric.unit), range(base), range(candidate), base.minimum,
       base.maximum, candidate.minimum, candidate.maximum, optional_field(ratio.ratio)});
}

/// Adds a pair's metrics; those of one side alone go to `unmatched`.
void add_metrics(Comparison& comparison, const CellPair& pair) {
  const auto base_metrics = metrics_of(*pair.base);
  const auto candidate_metrics = metrics_of(*pair.candidate);
  for (const MetricSamples* metric : candidate_metrics) {
    const MetricSamples* other = find_metric(base_metrics, metric->name);
    if (other == nullptr || other->unit != metric->unit) {
      comparison.unmatched.push_back(
          {pair.candidate, "candidate",
           fmt::format("the base has no metric {} in {}", metric->name, metric->unit)});
      continue;
    }
    const MedianRatio ratio = compare::median_ratio(pair.base->pooled(metric->name),
                                                    pair.candidate->pooled(metric->name));
    if (ratio.base.count == 0 || ratio.candidate.count == 0) continue;
    if (metric->better == "exact") {
      add_counter(comparison, pair, *metric, ratio);
    } else {
      add_speed(comparison.speed, pair, *metric, ratio);
    }
  }
  for (const MetricSamples* metric : base_metrics) {
    if (find_metric(candidate_metrics, metric->name) == nullptr) {
      comparison.unmatched.push_back(
          {pair.base, "base", fmt::format("the candidate has no metric {}", metric->name)});
    }
  }
}

void add_scores(Comparison& comparison, const CellPair& pair, const CompareOptions& options) {
  for (const ScoreDifference& score : compare::score_differences(
           *pair.base, *pair.candidate, options.seed, options.num_resamples)) {
    const auto note = [&](std::int64_t count, const char* side, const char* why) {
      if (count > 0) {
        comparison.unmatched.push_back(
            {pair.candidate, side, fmt::format("task {}: {} items {}", score.task, count, why)});
      }
    };
    note(score.only_base, "base", "are not in the candidate");
    note(score.only_candidate, "candidate", "are not in the base");
    note(score.other_prompt, "both", "have other prompts on each side");
    if (score.num_items == 0) continue;
    const double low = 100 * score.interval.low, high = 100 * score.interval.high;
    compare::add_row(
        comparison.quality, pair,
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
  if (options.num_resamples < compare::kMinResamples) {
    throw InvalidArgument(fmt::format("compare: expected at least {} resamples, got {}",
                                      compare::kMinResamples, options.num_resamples));
  }
  const std::vector<CellView> base_views = report::view_cells(base);
  const std::vector<CellView> candidate_views = report::view_cells(candidate);
  compare::Pairing pairing = compare::pair_cells(base_views, candidate_views, options.ignored_keys);
  Comparison comparison;
  comparison.unmatched = std::move(pairing.unmatched);
  for (const CellPair& pair : pairing.pairs) {
    add_metrics(comparison, pair);
    add_scores(comparison, pair, options);
  }
  comparison.speed.notes = run_notes(base.run, candidate.run);
  comparison.speed.notes.push_back(
      "ratios are candidate / base of medians; their intervals cover the noise within the runs. "
      "Runs made one after the other also drift apart by themselves, so this is no verdict: for "
      "one, measure both in interleaved pairs");
  comparison.quality.notes.push_back(
      fmt::format("scores x 100 over the items that both sides answered; intervals: paired "
                  "bootstrap over items, {} resamples, seed {}",
                  options.num_resamples, options.seed));
  comparison.counters.notes.push_back(
      fmt::format("counters equal on both sides: {}", comparison.num_equal_counters));
  return {std::move(comparison.speed), std::move(comparison.quality),
          compare::unmatched_table(comparison.unmatched), std::move(comparison.counters)};
}

}  // namespace dsabench
