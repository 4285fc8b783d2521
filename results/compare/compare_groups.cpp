#include "results/compare_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "kernels/base/error.h"
#include "results/compare/group_ceilings.h"
#include "results/compare/grouping.h"
#include "results/compare/metric_ratio.h"
#include "results/compare/pair_table.h"
#include "results/compare/quality_difference.h"
#include "results/report/ceilings.h"
#include "results/report/device_numbers.h"
#include "results/report/fields.h"
#include "results/report/number_text.h"

namespace dsabench {
namespace {

using compare::Grouping;
using compare::MedianRatio;
using compare::Member;
using compare::RunViews;
using compare::ScoreDifference;
using report::naming;
using report::nonempty;
using report::optional_field;
using report::varying;

constexpr std::size_t kShortId = 8;

const char* heading_of(GroupBy by) {
  switch (by) {
    case GroupBy::device:
      return "machine's device";
    case GroupBy::commit:
      return "build's commit";
    case GroupBy::pattern:
      return "pattern";
    case GroupBy::model:
      return "model";
  }
  return "";
}

/// What names a cell, then the group.
Table group_table(std::string title, std::string name, GroupBy by, std::vector<Column> columns) {
  std::vector<Column> all = {varying("pattern", by == GroupBy::pattern ? "letters" : "pattern"),
                             {"retention", "retention", "", 0, Shown::where_it_varies},
                             naming("group", heading_of(by))};
  all.insert(all.end(), columns.begin(), columns.end());
  Table table = compare::cell_table(std::move(title), std::move(name), std::move(all));
  // The group is one of these columns once more.
  const std::string same = by == GroupBy::pattern ? "pattern" : by == GroupBy::model ? "model" : "";
  for (Column& column : table.columns) {
    if (column.key == same) column.shown = Shown::in_data;
  }
  return table;
}

void add_group_row(Table& table, const Grouping& grouping, const Member& member,
                   std::vector<Field> fields) {
  std::vector<Field> all = {member.view->cell().pattern,
                            nonempty(member.view->planned->nominal_retention),
                            grouping.groups[member.group]};
  all.insert(all.end(), fields.begin(), fields.end());
  compare::add_cell_row(table, *member.view, std::move(all));
}

Table speed_layout(GroupBy by) {
  using enum Shown;
  return group_table("Speed, group by group", "compare_groups", by,
                     {naming("metric", "time"),
                      {"median", "median (95 %)", "ms", 0, in_markdown},
                      {"median_ms", "median", "ms", 3, in_data},
                      {"median_ms_low", "median, low", "ms", 3, in_data},
                      {"median_ms_high", "median, high", "ms", 3, in_data},
                      {"tokens_per_s", "rate", "token/s", 1, everywhere},
                      {"ratio", "ratio of times", "", 4, everywhere},
                      {"ratio_low", "ratio, low", "", 4, in_data},
                      {"ratio_high", "ratio, high", "", 4, in_data},
                      {"interval", "95 %", "", 0, in_markdown},
                      {"against", "against", "", 0, where_it_varies},
                      {"matrix_percent", "matrix work at ceiling", "%", 1, where_it_varies},
                      {"sm_mhz", "SM clock", "MHz", 0, where_it_varies},
                      {"power_w", "power", "W", 0, where_it_varies},
                      {"joules_per_token", "energy", "J/token", 4, where_it_varies},
                      {"samples", "samples", "", 0, everywhere},
                      {"machine", "machine", "", 0, where_it_varies},
                      {"build", "build", "", 0, where_it_varies},
                      {"run", "run", "", 0, where_it_varies},
                      {"machine_id", "machine", "", 0, in_data},
                      {"build_id", "build", "", 0, in_data}});
}

Table quality_layout(GroupBy by) {
  using enum Shown;
  return group_table("Quality, group by group, item by item", "compare_groups_quality", by,
                     {naming("task", "task"),
                      {"against", "against", "", 0, everywhere},
                      {"items", "items", "", 0, everywhere},
                      {"base_score", "score of that", "", 1, everywhere},
                      {"score", "score", "", 1, everywhere},
                      {"difference", "difference", "", 2, everywhere},
                      {"difference_low", "difference, low", "", 2, in_data},
                      {"difference_high", "difference, high", "", 2, in_data},
                      {"interval", "95 %", "", 0, in_markdown},
                      {"items_better", "better", "", 0, everywhere},
                      {"items_worse", "worse", "", 0, everywhere}});
}

/// Tokens that a sample of a metric makes; 0 for metrics that make none.
std::int64_t tokens_of(const CellRecord& cell, const std::string& metric) {
  if (metric == "prefill") return cell.batch * cell.context_tokens;
  return metric == "decode_step" ? cell.batch : 0;
}

/// As in the speed table: only of prefill, as decode is bound by bytes.
Field matrix_percent(const Member& member, const std::string& metric, double median_ns) {
  if (metric != "prefill") return {};
  const std::optional<double> floor_ns = report::matrix_floor_ns(
      *member.origin.run, member.view->cell(), *member.view->ok_trials.front());
  return floor_ns ? Field(100.0 * *floor_ns / median_ns) : Field();
}

/// A member's samples of one metric.
struct Measured {
  const Member* member = nullptr;
  std::vector<std::int64_t> values;
};

void add_speed_row(Table& table, const Grouping& grouping, const std::string& metric,
                   const Measured& base, const Measured& measured) {
  const Member& member = *measured.member;
  const bool first = base.member == &member;
  const MedianRatio ratio = compare::median_ratio(base.values, measured.values);
  const Summary& time = ratio.candidate;
  const std::int64_t tokens = tokens_of(member.view->cell(), metric);
  const report::DeviceNumbers device = report::device_numbers(member.view->ok_trials);
  const std::optional<Interval> interval = first ? std::nullopt : ratio.interval;
  const bool rated = tokens > 0 && time.median > 0;
  const auto per_token = static_cast<double>(tokens);
  add_group_row(
      table, grouping, member,
      {metric,
       report::with_interval(time.median / 1e6, time.median_low / 1e6, time.median_high / 1e6),
       time.median / 1e6,
       time.median_low / 1e6,
       time.median_high / 1e6,
       rated ? Field(per_token * 1e9 / time.median) : Field(),
       first ? Field(1.0) : optional_field(ratio.ratio),
       interval ? Field(interval->low) : Field(),
       interval ? Field(interval->high) : Field(),
       interval ? Field(fmt::format("{:.4f}–{:.4f}", interval->low, interval->high)) : Field(),
       grouping.groups[base.member->group],
       time.median > 0 ? matrix_percent(member, metric, time.median) : Field(),
       optional_field(device.sm_mhz),
       optional_field(device.power_w),
       device.power_w && rated ? Field(*device.power_w * time.median * 1e-9 / per_token) : Field(),
       time.count,
       member.origin.machine_id.substr(0, kShortId),
       member.origin.build_id.substr(0, kShortId),
       member.origin.run->run_id,
       member.origin.machine_id,
       member.origin.build_id});
}

/// The times that the members' ok trials have, in order of first appearance.
std::vector<std::string> time_metrics(const std::vector<Member>& members) {
  std::vector<std::string> names;
  for (const Member& member : members) {
    for (const TrialRecord* trial : member.view->ok_trials) {
      for (const MetricSamples& metric : trial->metrics) {
        const bool known = std::find(names.begin(), names.end(), metric.name) != names.end();
        if (metric.unit == "ns" && metric.better == "lower" && !known) names.push_back(metric.name);
      }
    }
  }
  return names;
}

void add_speed(Table& table, const Grouping& grouping, const std::vector<Member>& members) {
  for (const std::string& metric : time_metrics(members)) {
    std::vector<Measured> measured;
    for (const Member& member : members) {
      std::vector<std::int64_t> values = member.view->pooled(metric);
      if (!values.empty()) measured.push_back({&member, std::move(values)});
    }
    for (const Measured& one : measured) {
      add_speed_row(table, grouping, metric, measured.front(), one);
    }
  }
}

void add_quality(Table& table, const Grouping& grouping, const std::vector<Member>& members,
                 const CompareGroupsOptions& options) {
  const Member& base = members.front();
  for (std::size_t i = 1; i < members.size(); ++i) {
    for (const ScoreDifference& score : compare::score_differences(
             *base.view, *members[i].view, options.seed, options.num_resamples)) {
      if (score.num_items == 0) continue;
      const double low = 100 * score.interval.low, high = 100 * score.interval.high;
      add_group_row(
          table, grouping, members[i],
          {score.task, grouping.groups[base.group], score.num_items, 100 * score.base,
           100 * score.candidate, 100 * score.difference, low, high,
           fmt::format("{:+.2f} to {:+.2f}", low, high), score.num_better, score.num_worse});
    }
  }
}

/// Machines, builds and runs behind the rows, each once.
std::vector<std::string> origin_notes(const Grouping& grouping) {
  std::vector<std::string> notes;
  std::set<std::string> seen;
  const auto add_once = [&](std::string note) {
    if (seen.insert(note).second) notes.push_back(std::move(note));
  };
  for (const std::vector<Member>& members : grouping.sets) {
    for (const Member& member : members) {
      const compare::Origin& origin = member.origin;
      add_once(report::describe_machine(origin.machine_id, origin.machine_json));
      add_once(fmt::format("build {}: dsabench {}{}", origin.build_id, origin.run->tool_version,
                           report::describe_commit(origin.build_json)));
      if (origin.run->synthetic_weights) {
        add_once(fmt::format("run {}: the weights are synthetic: accuracy is chance",
                             origin.run->run_id));
      }
      if (origin.run->status != "done") {
        add_once(fmt::format("run {} is not complete: {}", origin.run->run_id, origin.run->status));
      }
    }
  }
  return notes;
}

const char* no_verdict_note(GroupBy by) {
  if (by == GroupBy::device) {
    return "across machines there is no verdict: a ratio says how these machines differ, with "
           "their "
           "drivers, clocks and builds, and not that one of them is at fault";
  }
  return "this is no verdict: runs made one after the other also drift apart by themselves; for "
         "one, "
         "measure both in interleaved pairs (dsabench ab)";
}

std::vector<std::string> speed_notes(const Grouping& grouping, GroupBy by) {
  std::vector<std::string> notes = {
      no_verdict_note(by),
      "ratios are of medians, against the first group that has the cell; their intervals cover the "
      "noise within the runs. The share of the ceilings is of those that the same machine showed "
      "in "
      "the same run"};
  if (grouping.num_older > 0) {
    notes.push_back(fmt::format("of cells in several runs the newest is shown: {} older left out",
                                grouping.num_older));
  }
  for (std::string& note : origin_notes(grouping)) notes.push_back(std::move(note));
  return notes;
}

}  // namespace

std::vector<Table> compare_groups(const std::vector<RunResults>& runs,
                                  const CompareGroupsOptions& options) {
  if (options.num_resamples < compare::kMinResamples) {
    throw InvalidArgument(fmt::format("compare: expected at least {} resamples, got {}",
                                      compare::kMinResamples, options.num_resamples));
  }
  std::vector<RunViews> all;
  for (const RunResults& run : runs) all.push_back({&run.run, report::view_cells(run)});
  std::vector<const std::vector<report::CellView>*> views;
  for (const RunViews& run : all) views.push_back(&run.views);
  compare::require_known_keys(views, options.ignored_keys);
  const Grouping grouping = compare::group_cells(all, options);
  if (grouping.groups.size() < 2) {
    throw InvalidArgument(grouping.groups.empty()
                              ? std::string("compare: the runs have no cells")
                              : fmt::format("compare: all cells are of one {}: {}",
                                            group_by_name(options.by), grouping.groups.front()));
  }
  Table speed = speed_layout(options.by), quality = quality_layout(options.by);
  for (const std::vector<Member>& members : grouping.sets) {
    add_speed(speed, grouping, members);
    add_quality(quality, grouping, members, options);
  }
  speed.notes = speed_notes(grouping, options.by);
  quality.notes.push_back(
      fmt::format("scores x 100 over the items that both sides answered; intervals: paired "
                  "bootstrap over items, {} resamples, seed {}",
                  options.num_resamples, options.seed));
  if (options.by == GroupBy::pattern) {
    for (const RunViews& run : all) {
      if (auto note = report::gpu_note(run.views)) {
        speed.notes.push_back(fmt::format("run {}: {}", run.run->run_id, *note));
      }
    }
  }
  std::vector<Table> tables = {std::move(speed), std::move(quality),
                               compare::unmatched_table(grouping.unmatched)};
  if (options.by == GroupBy::device) tables.push_back(compare::group_ceilings(grouping));
  return tables;
}

}  // namespace dsabench
