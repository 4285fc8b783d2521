#include <fmt/format.h>

#include <cmath>

#include "harness/run/calibration.h"
#include "results/report/fields.h"

namespace dsabench {
namespace {

using report::naming;
using report::varying;

constexpr double kPercent = 100;

Field percent(double share) { return std::isfinite(share) ? Field(kPercent * share) : Field(); }

/// What names a metric of a cell.
std::vector<Column> naming_columns() {
  return {varying("model", "Model"),
          varying("suite", "Suite"),
          naming("context_tokens", "Context", "tokens"),
          varying("batch", "Batch"),
          varying("pattern", "Pattern"),
          Column{"cell_id", "Cell", "", 0, Shown::in_data, Role::identity},
          naming("metric", "Metric"),
          naming("pairs", "Pairs")};
}

std::vector<Field> naming_fields(const MetricCalibration& metric, std::int64_t pairs) {
  const CellRecord& cell = metric.cell;
  return {cell.model,   cell.suite,   cell.context_tokens, cell.batch,
          cell.pattern, cell.cell_id, metric.metric,       pairs};
}

Table with_columns(std::string title, std::string name, std::vector<Column> columns) {
  Table table;
  table.title = std::move(title);
  table.name = std::move(name);
  table.columns = naming_columns();
  table.columns.insert(table.columns.end(), columns.begin(), columns.end());
  return table;
}

void add_row(Table& table, std::vector<Field> names, std::vector<Field> fields) {
  names.insert(names.end(), fields.begin(), fields.end());
  table.rows.push_back(std::move(names));
}

Table noise_table(const CalibrationReport& report) {
  Table table = with_columns(
      "Noise of a build against itself", "calibration_noise",
      {{"comparisons", "Comparisons", ""},
       {"noise_floor", "Noise floor", "%", 3},
       {"largest", "Largest", "%", 3},
       {"sd_of_pairs", "Sd of pairs", "%", 3},
       {"pairs_for_3_percent", fmt::format("Pairs for {:.0f} %", kPercent * kAskedSlowdown), ""}});
  for (const MetricCalibration& metric : report.metrics) {
    add_row(
        table, naming_fields(metric, metric.num_pairs),
        {metric.num_comparisons, metric.num_comparisons > 1 ? percent(metric.noise_floor) : Field(),
         percent(metric.largest_ratio), percent(metric.sd_of_pairs),
         metric.pairs_for_asked > 0 ? Field(metric.pairs_for_asked) : Field()});
  }
  table.notes.push_back(
      "Noise floor: standard deviation of the Hodges-Lehmann log ratios of comparisons with so "
      "many "
      "pairs. Largest: of these ratios, in either direction. Sd of pairs: of the log ratios of "
      "single "
      "rounds, around zero.");
  return table;
}

void add_rate(Table& table, std::vector<Field> names, const char* source, const AlarmRate& rate) {
  add_row(
      table, std::move(names),
      {std::string(source), rate.rule, rate.num_alarms, rate.num_comparisons, rate.num_independent,
       percent(rate.rate), percent(rate.interval.low), percent(rate.interval.high)});
}

Table rates_table(const CalibrationReport& report) {
  const std::string confidence = fmt::format("{:.0f} %", kPercent * report.options.confidence);
  Table table = with_columns("False alarms of a build against itself", "calibration_rates",
                             {naming("source", "Comparisons are"),
                              naming("rule", "Rule"),
                              {"alarms", "Alarms", ""},
                              {"comparisons", "Of", ""},
                              {"independent", "Independent", ""},
                              {"rate", "Rate", "%"},
                              {"low", confidence + " low", "%"},
                              {"high", confidence + " high", "%"}});
  for (const MetricCalibration& metric : report.metrics) {
    const std::vector<Field> names = naming_fields(metric, metric.num_pairs);
    for (const AlarmRate& rate : metric.real) add_rate(table, names, "real", rate);
    for (const AlarmRate& rate : metric.relabelled) add_rate(table, names, "relabelled", rate);
    if (!metric.relabelled.empty()) continue;
    table.notes.push_back(fmt::format(
        "{} of {} tokens: relabelling needs a pool of {} processes, {} are stored: {} are missing, "
        "which {} more comparisons of {} pairs make",
        metric.metric, metric.cell.context_tokens, kRelabelledPool, metric.pool,
        kRelabelledPool - metric.pool,
        (kRelabelledPool - metric.pool + 2 * metric.num_pairs - 1) / (2 * metric.num_pairs),
        metric.num_pairs));
  }
  table.notes.push_back(fmt::format(
      "Real: measured comparisons, with Clopper and Pearson's interval. Relabelled: rounds drawn "
      "from the pool with labels drawn anew ({} times, seed {}); their interval counts only as "
      "many comparisons as the pool holds without sharing a round. Verdict: p below {} and a "
      "ratio beyond the policy's margin.",
      report.options.num_relabellings, report.options.seed, report.options.alpha));
  return table;
}

/// What a user of the gate sees: its verdict on a comparison, over all times together.
Table verdict_table(const CalibrationReport& report) {
  const AlarmRate& any = report.any_metric;
  const std::string confidence = fmt::format("{:.0f} %", kPercent * report.options.confidence);
  Table table;
  table.title = "False alarms of the whole policy";
  table.name = "calibration_verdicts";
  table.columns = {{"alarms", "Alarms", ""},
                   {"comparisons", "Of", ""},
                   {"rate", "Rate", "%"},
                   {"low", confidence + " low", "%"},
                   {"high", confidence + " high", "%"}};
  table.rows.push_back({any.num_alarms, any.num_comparisons, percent(any.rate),
                        percent(any.interval.low), percent(any.interval.high)});
  table.notes.push_back(
      "Comparisons of equal builds that the policy calls slower in any time, with Clopper and "
      "Pearson's interval.");
  return table;
}

Table detectable_table(const CalibrationReport& report) {
  Table table = with_columns(
      "Slowdowns that show", "calibration_detectable",
      {{"slowdown", "Detectable slowdown", "%"},
       {"caught", fmt::format("Of {:.0f} % slower caught", kPercent * kAskedSlowdown), "%", 1}});
  for (const MetricCalibration& metric : report.metrics) {
    for (const MetricCalibration::Detectable& detectable : metric.detectable) {
      add_row(table, naming_fields(metric, detectable.pairs),
              {percent(detectable.slowdown),
               detectable.caught < 0 ? Field() : percent(detectable.caught)});
    }
  }
  table.notes.push_back(fmt::format(
      "Detectable: the smallest slowdown that a look of ab after so many pairs calls a regression "
      "with 90 % probability, at alpha {:.3g} (one of {} looks, Holm's strictest step), beyond the "
      "policy's margin and {:g} noise floors of so many pairs, where noise is normal with the sd "
      "of "
      "pairs; empty where the pairs are too few. Caught: of relabelled comparisons whose candidate "
      "was made {:.0f} % slower.",
      report.alpha_of_look, report.options.num_looks, report.options.noise_factor,
      kPercent * kAskedSlowdown));
  return table;
}

}  // namespace

std::vector<Table> calibration_tables(const CalibrationReport& report) {
  return {noise_table(report), rates_table(report), verdict_table(report),
          detectable_table(report)};
}

}  // namespace dsabench
