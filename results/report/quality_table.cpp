#include <fmt/format.h>

#include <algorithm>

#include "results/report/cell_view.h"
#include "results/report/fields.h"
#include "results/report/table.h"
#include "results/report/task_scores.h"

namespace dsabench {
namespace {

using report::CellView;
using report::naming;
using report::nonempty;
using report::TaskScore;
using report::varying;

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
std::vector<Field> row_of(const CellView& view, const TaskScore* score, bool synthetic_weights) {
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
    const std::vector<TaskScore> scores = report::task_scores(view);
    for (const TaskScore& score : scores) table.rows.push_back(row_of(view, &score, synthetic));
    if (scores.size() > 1) {
      const TaskScore mean = report::mean_over_tasks(scores);
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
