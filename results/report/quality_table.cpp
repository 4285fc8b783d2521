#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "results/report/cell_view.h"
#include "results/report/fields.h"
#include "results/report/table.h"
#include "results/statistics.h"

namespace dsabench {
namespace {

using report::CellView;
using report::naming;
using report::nonempty;
using report::varying;

/// A mean score in [0, 1] and its interval.
struct Score {
  std::string task;
  std::int64_t num_items = 0;
  double mean = 0;
  Interval interval;
};

/// Per task, in the order of first appearance.
std::vector<Score> task_scores(const CellView& view) {
  struct Sum {
    double score = 0;
    std::int64_t answers = 0;
  };
  std::vector<std::string> tasks;
  std::map<std::string, std::map<std::string, Sum>> items;
  for (const TrialRecord* trial : view.ok_trials) {
    for (const AnswerRecord& answer : trial->answers) {
      if (!items.count(answer.task)) tasks.push_back(answer.task);
      Sum& sum = items[answer.task][answer.item_id];
      sum.score += answer.score;
      ++sum.answers;
    }
  }
  std::vector<Score> scores;
  for (const std::string& task : tasks) {
    Score& score = scores.emplace_back();
    score.task = task;
    score.num_items = static_cast<std::int64_t>(items[task].size());
    for (const auto& [item, sum] : items[task]) {
      score.mean += sum.score / static_cast<double>(sum.answers);
    }
    score.mean /= static_cast<double>(score.num_items);
    score.interval = wilson_interval(score.mean, score.num_items);
  }
  return scores;
}

Score mean_over_tasks(const std::vector<Score>& scores) {
  Score mean;
  mean.task = fmt::format("mean of {} tasks", scores.size());
  double below = 0, above = 0;
  for (const Score& score : scores) {
    mean.num_items += score.num_items;
    mean.mean += score.mean;
    below += std::pow(score.mean - score.interval.low, 2);
    above += std::pow(score.interval.high - score.mean, 2);
  }
  const auto count = static_cast<double>(scores.size());
  mean.mean /= count;
  mean.interval = {mean.mean - std::sqrt(below) / count, mean.mean + std::sqrt(above) / count};
  return mean;
}

std::vector<Column> columns_of(bool synthetic_weights) {
  return {varying("model", "model"),
          varying("device", "device"),
          varying("dtype", "dtype"),
          varying("indexer_mode", "indexer"),
          varying("picks", "picks"),
          varying("variant", "variant"),
          varying("batch", "batch"),
          naming("suite", "suite"),
          naming("task", "task"),
          naming("context_tokens", "context", "tokens"),
          {"nominal_retention", "retention", "", 0, Shown::everywhere},
          {"full_layers", "F layers", "", 0, Shown::in_data},
          {"layers", "layers", "", 0, Shown::in_data},
          naming("pattern", "pattern"),
          {"pattern_origin", "origin", "", 0, Shown::where_it_varies},
          {"items", "items", "", 0, Shown::everywhere},
          {"score", "score", "", 1, Shown::in_data},
          {"score_low", "score, low", "", 1, Shown::in_data},
          {"score_high", "score, high", "", 1, Shown::in_data},
          {"score_text", "score × 100 (95 %)", "", 0, Shown::in_markdown},
          {"accuracy", "accuracy", "", 0, synthetic_weights ? Shown::everywhere : Shown::in_data},
          {"state", "state", "", 0, Shown::in_data, Role::state},
          {"outcome", "outcome", "", 0, Shown::everywhere, Role::outcome}};
}

/// `score` is null for a cell without numbers.
std::vector<Field> row_of(const CellView& view, const Score* score, bool synthetic_weights) {
  const CellRecord& cell = view.cell();
  const auto full =
      static_cast<std::int64_t>(std::count(cell.pattern.begin(), cell.pattern.end(), 'F'));
  std::vector<Field> fields = {nonempty(cell.model),
                               nonempty(cell.device_kind),
                               nonempty(cell.dtype),
                               nonempty(cell.indexer_mode),
                               nonempty(cell.picks),
                               nonempty(view.variant),
                               cell.batch,
                               cell.suite,
                               score ? nonempty(score->task) : Field(),
                               cell.context_tokens,
                               nonempty(view.planned->nominal_retention),
                               full,
                               static_cast<std::int64_t>(cell.pattern.size()),
                               cell.pattern,
                               nonempty(view.planned->pattern_origin)};
  if (score) {
    const double mean = 100 * score->mean;
    const double low = 100 * score->interval.low, high = 100 * score->interval.high;
    fields.insert(fields.end(), {score->num_items, mean, low, high,
                                 fmt::format("{:.1f} ({:.1f}–{:.1f})", mean, low, high)});
  } else {
    fields.resize(fields.size() + 5);
  }
  fields.push_back(synthetic_weights ? Field("chance") : Field());
  fields.push_back(std::string(report::state_name(view.state)));
  fields.push_back(view.outcome);
  return fields;
}

}  // namespace

Table quality_table(const RunResults& results) {
  const bool synthetic = results.run.synthetic_weights;
  Table table;
  table.title = "Quality";
  table.name = "quality";
  table.columns = columns_of(synthetic);
  const std::vector<CellView> views = report::view_cells(results);
  for (const CellView& view : views) {
    if (!view.quality) continue;
    const std::vector<Score> scores = task_scores(view);
    for (const Score& score : scores) table.rows.push_back(row_of(view, &score, synthetic));
    if (scores.size() > 1) {
      const Score mean = mean_over_tasks(scores);
      table.rows.push_back(row_of(view, &mean, synthetic));
    }
    if (scores.empty()) table.rows.push_back(row_of(view, nullptr, synthetic));
  }
  if (!table.rows.empty()) {
    table.notes.push_back(
        "scores are means over items with 95 % Wilson intervals; the interval of a mean over tasks "
        "is put together from those of its tasks");
  }
  report::append_run_notes(table, results.run);
  return table;
}

}  // namespace dsabench
