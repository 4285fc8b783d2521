#include "results/report/html/measured.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>

#include "results/compare/metric_ratio.h"
#include "results/report/ceilings.h"
#include "results/report/task_scores.h"

namespace dsabench::report {
namespace {

const char* metric_of(const std::string& phase) {
  return phase == "decode" ? "decode_step" : "prefill";
}

std::vector<std::int64_t> times_of(const CellView& view, const std::string& phase) {
  return view.slice ? view.pooled_extrapolated(phase) : view.pooled(metric_of(phase));
}

/// What the cell is beside context, phase and pattern.
std::string setting_of(const CellView& view) {
  const CellRecord& cell = view.cell();
  std::string text = fmt::format("{}, {} {}", cell.model, cell.device_kind, cell.dtype);
  if (!cell.indexer_mode.empty() && cell.indexer_mode != "exact") text += ", " + cell.indexer_mode;
  if (cell.picks == "random") text += ", random picks";
  if (cell.batch != 1) text += fmt::format(", batch {}", cell.batch);
  if (!view.variant.empty()) text += ", " + view.variant;
  return text;
}

/// Timed values in a sample: its steps where it decodes.
double values_per_sample(const CellRecord& cell, const std::string& phase) {
  if (phase != "decode") return 1;
  const auto canonical = nlohmann::json::parse(cell.canonical_json, nullptr, false);
  if (!canonical.is_object()) return 0;
  const auto steps = canonical.find("decode_tokens");
  return steps != canonical.end() && steps->is_number() ? steps->get<double>() : 0;
}

/// Of what ran: a slice's own work in its own time.
std::optional<double> matrix_percent(const RunRecord& run, const CellView& view,
                                     const std::string& phase) {
  const Summary own = summarize(view.pooled(metric_of(phase)));
  const double values = values_per_sample(view.cell(), phase);
  if (own.count == 0 || !(own.median > 0) || !(values > 0)) return std::nullopt;
  const auto floor_ns = matrix_floor_ns(run, view.cell(), *view.ok_trials.front());
  if (!floor_ns) return std::nullopt;
  return 100.0 * *floor_ns / (own.median * values);
}

std::vector<std::pair<std::string, double>> stage_percent(const CellView& view,
                                                          const std::string& phase) {
  const std::vector<double> weights =
      view.slice ? layer_weights(*view.slice) : std::vector<double>();
  std::map<std::string, double> sums;
  double total = 0;
  for (const TrialRecord* trial : view.ok_trials) {
    for (const StageTime& time : trial->stage_times) {
      if (time.metric != phase) continue;
      const bool weighted = time.layer >= 0 && time.layer < std::ssize(weights);
      const double weight = weighted ? weights[static_cast<std::size_t>(time.layer)] : 1.0;
      const double ns = weight * static_cast<double>(time.nanoseconds);
      sums[time.stage] += ns;
      total += ns;
    }
  }
  std::vector<std::pair<std::string, double>> shares;
  if (!(total > 0)) return shares;
  for (const auto& [stage, ns] : sums) shares.emplace_back(stage, 100.0 * ns / total);
  std::stable_sort(shares.begin(), shares.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return shares;
}

/// The measurements of one run.
class RunMeasurements {
 public:
  RunMeasurements(const RunResults& results, std::size_t run, const SeriesNames& names)
      : results_(results), run_(run), names_(names), views_(view_cells(results)) {}

  void append_to(Measured& all) {
    for (const char* phase : {"prefill", "decode"}) {
      find_bases(phase);
      for (const CellView& view : views_) {
        if (!view.quality && view.ok) append_phase(all.phases, view, phase);
      }
    }
    CellCounts& counts = all.counts.emplace_back();
    for (const CellView& view : views_) {
      count(counts, view);
      if (view.quality && view.ok) append_scores(all.scores, view);
    }
  }

 private:
  void find_bases(const std::string& phase) {
    bases_.clear();
    for (const CellView& view : views_) {
      if (view.quality || !view.ok || !is_all_full(view.cell().pattern)) continue;
      std::vector<std::int64_t> times = times_of(view, phase);
      if (!times.empty()) bases_.emplace(pairing_key(view.cell(), true), std::move(times));
    }
  }

  void append_phase(std::vector<PhaseMeasurement>& all, const CellView& view,
                    const std::string& phase) {
    const std::vector<std::int64_t> times = times_of(view, phase);
    if (times.empty()) return;
    PhaseMeasurement& made = all.emplace_back();
    made.run = run_;
    made.planned = view.planned;
    made.phase = phase;
    made.setting = setting_of(view);
    made.series = names_.of(*view.planned);
    made.extrapolated = view.slice.has_value();
    made.time = summarize(times);
    made.matrix_percent = matrix_percent(results_.run, view, phase);
    made.stage_percent = stage_percent(view, phase);
    const auto base = bases_.find(pairing_key(view.cell(), true));
    if (base == bases_.end() || is_all_full(view.cell().pattern)) return;
    // The ratio of times the other way round: how many times faster.
    const compare::MedianRatio ratio = compare::median_ratio(times, base->second);
    made.speedup = ratio.ratio;
    if (ratio.interval) made.speedup_bounds = {ratio.interval->low, ratio.interval->high};
  }

  void append_scores(std::vector<ScoreMeasurement>& all, const CellView& view) {
    std::vector<TaskScore> scores = task_scores(view);
    const std::size_t tasks = scores.size();
    if (tasks > 1) scores.push_back(mean_over_tasks(scores));
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const TaskScore& score = scores[i];
      all.push_back({run_, view.planned, setting_of(view), names_.of(*view.planned), score.task,
                     tasks == 1 || i == tasks, score.num_items, 100 * score.mean,
                     100 * score.interval.low, 100 * score.interval.high});
    }
  }

  static void count(CellCounts& counts, const CellView& view) {
    ++counts.planned;
    if (view.state == CellState::ok) ++counts.ok;
    if (view.state == CellState::incorrect) ++counts.incorrect;
    if (view.state == CellState::failed) ++counts.failed;
    if (view.state == CellState::discarded) ++counts.discarded;
    if (view.state == CellState::not_run || view.state == CellState::interrupted) {
      ++counts.unfinished;
    }
  }

  const RunResults& results_;
  std::size_t run_;
  const SeriesNames& names_;
  std::vector<CellView> views_;
  std::map<std::string, std::vector<std::int64_t>> bases_;
};

}  // namespace

Measured measured(const ReportInput& input, const SeriesNames& names) {
  Measured all;
  for (std::size_t run = 0; run < input.runs.size(); ++run) {
    RunMeasurements(input.runs[run], run, names).append_to(all);
  }
  return all;
}

std::string run_label(std::size_t run) { return fmt::format("R{}", run + 1); }

std::string context_text(std::int64_t tokens) {
  if (tokens > 0 && tokens % 1024 == 0) return fmt::format("{} Ki", tokens / 1024);
  if (tokens > 0 && tokens % 1000 == 0) return fmt::format("{}k", tokens / 1000);
  return fmt::format("{}", tokens);
}

std::string utc_text(std::int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

}  // namespace dsabench::report
