#include <algorithm>
#include <map>
#include <tuple>

#include "results/history_record.h"
#include "results/store/rows.h"
#include "results/store/store_state.h"

namespace dsabench {
namespace {

/// A metric of an ok trial, without its samples.
struct StoredMetric {
  std::int64_t metric_id = 0;
  std::string cell_id, name, unit, machine_id;
  HistoryPoint point;
};

/// Timed metrics of cells that were right in their run, by run and trial. Arms of comparisons are
/// left out: a candidate that was tried is not what came next.
std::vector<StoredMetric> timed_metrics(SQLite::Database& db) {
  SQLite::Statement query(
      db,
      "SELECT metric_id, cell_id, name, unit,"
      " CASE trial.machine_id WHEN '' THEN run.machine_id ELSE trial.machine_id END,"
      " run_id, run.started_ms,"
      " CASE trial.build_id WHEN '' THEN run.build_id ELSE trial.build_id END,"
      " COALESCE((SELECT build_json FROM continuation WHERE continuation.run_id = run.run_id"
      "           AND continuation.build_id = trial.build_id LIMIT 1), run.build_json)"
      " FROM run JOIN trial USING (run_id) JOIN metric USING (trial_id)"
      " WHERE outcome = 'ok' AND unit = 'ns'"
      "  AND run_id NOT IN (SELECT run_id FROM comparison_sample)"
      "  AND NOT EXISTS (SELECT 1 FROM trial AS wrong WHERE wrong.run_id = trial.run_id"
      "                  AND wrong.cell_id = trial.cell_id AND wrong.outcome = 'incorrect')"
      " ORDER BY run.started_ms, run_id, trial_id, metric_id");
  std::vector<StoredMetric> metrics;
  while (query.executeStep()) {
    StoredMetric& metric = metrics.emplace_back();
    store::read_row(query, metric.metric_id, metric.cell_id, metric.name, metric.unit,
                    metric.machine_id, metric.point.run_id, metric.point.started_ms,
                    metric.point.build_id, metric.point.build_json);
  }
  return metrics;
}

/// The cell as the newest run that planned it has it.
CellRecord read_cell(SQLite::Database& db, const std::string& cell_id) {
  SQLite::Statement query(db,
                          "SELECT cell_id, canonical_json, model, pattern, suite, phase,"
                          " device_kind, dtype, indexer_mode, picks, context_tokens, batch"
                          " FROM cell WHERE cell_id = ?");
  query.bind(1, cell_id);
  CellRecord cell;
  if (query.executeStep()) {
    store::read_row(query, cell.cell_id, cell.canonical_json, cell.model, cell.pattern, cell.suite,
                    cell.phase, cell.device_kind, cell.dtype, cell.indexer_mode, cell.picks,
                    cell.context_tokens, cell.batch);
  }
  return cell;
}

double median_of(std::vector<std::int64_t>& values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return static_cast<double>(*middle);
  const std::int64_t below = *std::max_element(values.begin(), middle);
  return (static_cast<double>(below) + static_cast<double>(*middle)) / 2;
}

/// Of one run's metrics, pooled.
HistoryPoint point_of(SQLite::Statement& samples, const std::vector<const StoredMetric*>& metrics) {
  HistoryPoint point = metrics.front()->point;
  std::vector<std::int64_t> values;
  for (const StoredMetric* metric : metrics) {
    samples.reset();
    samples.bind(1, metric->metric_id);
    while (samples.executeStep()) values.push_back(samples.getColumn(0).getInt64());
  }
  point.num_samples = std::ssize(values);
  if (!values.empty()) point.median = median_of(values);
  return point;
}

}  // namespace

std::vector<MetricHistory> ResultStore::load_histories(std::int64_t fewest_runs) const {
  return state_->read("load the history", [&] {
    const std::vector<StoredMetric> metrics = timed_metrics(state_->db);
    using Series = std::vector<std::vector<const StoredMetric*>>;  // by run
    std::map<std::tuple<std::string, std::string, std::string>, Series> all;
    for (const StoredMetric& metric : metrics) {
      Series& series = all[{metric.cell_id, metric.name, metric.machine_id}];
      if (series.empty() || series.back().front()->point.run_id != metric.point.run_id) {
        series.emplace_back();
      }
      series.back().push_back(&metric);
    }
    SQLite::Statement samples(state_->db, "SELECT value FROM sample WHERE metric_id = ?");
    std::vector<MetricHistory> histories;
    for (const auto& [key, series] : all) {
      if (std::ssize(series) < fewest_runs) continue;
      const StoredMetric& first = *series.front().front();
      MetricHistory& history = histories.emplace_back();
      history.cell = read_cell(state_->db, first.cell_id);
      history.metric = first.name;
      history.unit = first.unit;
      history.machine_id = first.machine_id;
      for (const auto& of_run : series) {
        HistoryPoint point = point_of(samples, of_run);
        if (point.num_samples > 0) history.points.push_back(std::move(point));
      }
    }
    return histories;
  });
}

}  // namespace dsabench
