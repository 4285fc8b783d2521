#include "harness/profile/profile_tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/model/layer_pattern.h"
#include "harness/plan/layer_slice.h"
#include "harness/plan/stage_work.h"
#include "harness/profile/profile_view.h"
#include "results/layer_list.h"
#include "results/report/device_numbers.h"
#include "results/report/fields.h"
#include "results/statistics.h"

namespace dsabench {
namespace {

using profile_view::count_if_traced;
using profile_view::kMillisecond;
using profile_view::share;
using profile_view::View;

double profiled_stage_ns(const CellProfile& profile, Stage stage) {
  double sum = 0;
  for (const auto& row : profile.stage_ns) sum += double(row[static_cast<std::size_t>(stage)]);
  return sum;
}

/// Of the device beside the timed samples; nothing where it says none.
Field joules_per_token(const View& view) {
  const Cell& cell = view.profiled.cell;
  const std::optional<double> power = report::mean_power_w(view.profiled.timed);
  const std::int64_t tokens =
      cell.phase == Phase::decode ? cell.batch : cell.batch * cell.context_tokens;
  if (!power || tokens <= 0) return {};
  return *power * view.timed.median * 1e-9 / double(tokens);
}

void add_cell_notes(const View& view, std::vector<std::string>& notes) {
  const CellProfile& profile = view.profiled.profile;
  notes.push_back(
      "timed: before the profiler was started, verified as every cell; profiled: a sample after "
      "that, watched, whose times are for shares alone; unaccounted: of the timed samples, what "
      "lies outside of stages");
  if (view.timed.is_stage_sample) {
    const double steps = double(view.profiled.cell.decode_tokens);
    notes.push_back(fmt::format(
        "decode steps on a GPU are timed as graphs without marks, stages in a sample of their own: "
        "its marks made a step {:.1f} % longer; the profiled sample gives the GPU every kernel by "
        "itself",
        100 * (view.timed.sample / steps / view.timed.median - 1)));
  }
  if (!view.is_traced()) return;
  if (profile.trace.num_dropped > 0) {
    notes.push_back(fmt::format(
        "{} lost {} records: launches and kernel times are too low, and the indexers' calls were "
        "not held against their counters",
        profile.tracer, profile.trace.num_dropped));
  }
  std::int64_t replayed = 0, untagged = 0;
  for (const DeviceActivity& activity : profile.trace.activities) {
    if (activity.graph_node != 0) ++replayed;
    if (!decode_stage_tag(activity.tag)) ++untagged;
  }
  if (replayed > 0) {
    notes.push_back(fmt::format(
        "{} pieces of work came from graphs: their layer and stage are those of the replay",
        replayed));
  }
  if (untagged > 0) {
    notes.push_back(
        fmt::format("{} pieces of work were given to the device outside of stages: uploads of "
                    "tokens, the choice of the next ones, and what libraries do of themselves",
                    untagged));
  }
}

Table cell_table(const View& view) {
  const ProfiledCell& profiled = view.profiled;
  const CellProfile& profile = profiled.profile;
  const TimedNumbers& timed = view.timed;
  const double watched = summarize(profile.values).median;
  std::int64_t launches = 0;
  for (const DeviceActivity& activity : profile.trace.activities) {
    if (activity.kind == DeviceActivity::Kind::kernel) ++launches;
  }
  Table table;
  table.title = "Profile: " + describe(profiled.cell);
  table.name = "profile";
  table.columns = {report::naming("model", "Model"),
                   report::naming("phase", "Phase"),
                   report::naming("context_tokens", "Context", "tokens"),
                   report::naming("batch", "Batch"),
                   report::naming("pattern", "Pattern"),
                   {"timed_ms", "Timed", "ms", 3},
                   {"timed_low_ms", "Timed, low", "ms", 3, Shown::in_data},
                   {"timed_high_ms", "Timed, high", "ms", 3, Shown::in_data},
                   {"timed_values", "Values", ""},
                   {"profiled_ms", "Profiled", "ms", 3},
                   {"overhead_percent", "Overhead of profiling", "%", 1},
                   {"unaccounted_percent", "Unaccounted", "%", 1},
                   {"indexer_percent", "Indexer", "%", 1},
                   {"launches", "Launches", "", 0, Shown::where_it_varies},
                   {"device_busy_percent", "Device busy", "%", 1, Shown::where_it_varies},
                   {"dropped_records", "Dropped records", "", 0, Shown::in_data},
                   {"joules_per_token", "Energy", "J/token", 4, Shown::where_it_varies},
                   {"tracer", "Tracer", "", 0, Shown::in_data},
                   {"cell_id", "Cell", "", 0, Shown::in_data, Role::identity}};
  const double wall = double(profile.end_ns - profile.begin_ns);
  table.rows.push_back(
      {profiled.cell.model, std::string(phase_name(profiled.cell.phase)),
       profiled.cell.context_tokens, profiled.cell.batch, profiled.cell.pattern,
       timed.median / kMillisecond, timed.median_low / kMillisecond,
       timed.median_high / kMillisecond, timed.count, watched / kMillisecond,
       share(watched - timed.median, timed.median),
       share(timed.sample - timed.stage_sum, timed.sample),
       share(timed.of_indexers(), timed.stage_sum), count_if_traced(view, launches),
       view.is_traced() ? share(double(busy_nanoseconds(profile.trace)), wall) : Field(),
       count_if_traced(view, profile.trace.num_dropped), joules_per_token(view),
       profile.tracer.empty() ? Field() : Field(profile.tracer), profiled.planned.cell.cell_id});
  add_cell_notes(view, table.notes);
  return table;
}

Field giga(const std::optional<double>& work) { return work ? Field(*work / 1e9) : Field(); }

Field rate(const std::optional<double>& work, double nanoseconds) {
  return work && *work > 0 && nanoseconds > 0 ? Field(*work / nanoseconds) : Field();
}

std::vector<Field> stage_row(const View& view, Stage stage) {
  const ProfiledCell& profiled = view.profiled;
  const double taken = view.timed.of_stage(stage);
  StageActivity activity;
  for (const auto& [key, of_layer] : view.activities) {
    if (key.second != stage) continue;
    activity.launches += of_layer.launches;
    activity.kernel_ns += of_layer.kernel_ns;
    activity.transfer_bytes += of_layer.transfer_bytes;
  }
  const std::optional<double> flops = stage_flops(profiled.config, profiled.cell, stage);
  const std::optional<double> bytes = stage_bytes(profiled.config, profiled.cell, stage);
  const std::optional<StageFloor> floor = stage_floor(profiled, stage);
  const bool measured = floor && taken > 0 && floor->ns() > 0;
  return {
      std::string(stage_name(stage)),
      taken / kMillisecond,
      share(taken, view.timed.stage_sum),
      profiled_stage_ns(profiled.profile, stage) / kMillisecond,
      count_if_traced(view, activity.launches),
      view.is_traced() ? Field(double(activity.kernel_ns) / kMillisecond) : Field(),
      count_if_traced(view, activity.transfer_bytes),
      giga(flops),
      rate(flops, taken),
      giga(bytes),
      rate(bytes, taken),
      measured ? Field(100.0 * floor->ns() / taken) : Field(),
      measured ? Field(floor->compute_ns > floor->memory_ns ? "operations" : "bytes") : Field()};
}

Table stage_table(const View& view) {
  Table table;
  table.title = "Stages of a sample";
  table.name = "profile_stages";
  table.columns = {report::naming("stage", "Stage"),
                   {"timed_ms", "Timed", "ms", 3},
                   {"percent", "Share", "%", 1},
                   {"profiled_ms", "Profiled", "ms", 3},
                   {"launches", "Launches", "", 0, Shown::where_it_varies},
                   {"kernel_ms", "Kernels", "ms", 3, Shown::where_it_varies},
                   {"transfer_bytes", "Copied and filled", "bytes", 0, Shown::in_data},
                   {"gflop", "Work", "GFLOP", 3},
                   {"gflop_per_s", "Rate", "GFLOP/s", 1},
                   {"gbyte", "Must move", "GB", 4},
                   {"gbyte_per_s", "Rate, bytes", "GB/s", 2},
                   {"ceiling_percent", "Of the ceiling", "%", 1},
                   {"bound_by", "Bound by", ""}};
  for (int stage = 0; stage < kNumStages; ++stage) {
    const auto of = static_cast<Stage>(stage);
    const bool ran =
        view.timed.of_stage(of) > 0 || profiled_stage_ns(view.profiled.profile, of) > 0;
    if (ran) table.rows.push_back(stage_row(view, of));
  }
  table.notes = {
      "timed: mean over the timed samples; a sample of a decode cell is all its steps",
      "work and bytes are what the stage must do at least (docs/METHOD.md), not what it does; "
      "blank where none is declared",
      "of the ceiling: the time of that work at the machine's best rates, measured by this "
      "process, as a share of the time it took"};
  return table;
}

Table reuse_table(const View& view) {
  Table table;
  table.title = "What reuse of indices could give at most";
  table.name = "profile_reuse";
  table.columns = {report::naming("retention", "Retention"),
                   {"full_layers", "F layers", ""},
                   {"indexer_ms", "Indexers", "ms", 3},
                   {"bound_ms", "Time", "ms", 3},
                   {"bound_speedup", "Speedup", "", 3},
                   {"measured_ms", "Measured", "ms", 3, Shown::where_it_varies},
                   {"measured_speedup", "Measured speedup", "", 3, Shown::where_it_varies}};
  const std::string& pattern = view.profiled.cell.pattern;
  const auto measured = [&](const std::string& letters) {
    const auto found = view.profiled.measured.find(letters);
    return found == view.profiled.measured.end() ? 0.0 : found->second;
  };
  const auto uniform = [&](const Retention& retention) {
    if (!view.slice) return LayerPattern::uniform(view.num_layers(), retention);
    return slice_pattern(LayerPattern::uniform(view.slice->num_layers(), retention),
                         read_layer_list(view.slice->layers).value());
  };
  const double all_full = measured(LayerPattern::all_full(view.num_layers()).letters());
  const auto add = [&](const std::string& name, const std::string& letters) {
    const auto num_full = std::int64_t{std::count(letters.begin(), letters.end(), 'F')};
    const std::optional<ReuseBound> bound = reuse_bound(view.timed, pattern, num_full);
    if (!bound) return;
    const double seen = measured(letters);
    table.rows.push_back({name, num_full, bound->indexer_ns / kMillisecond,
                          bound->ns / kMillisecond, bound->speedup,
                          seen > 0 ? Field(seen / kMillisecond) : Field(),
                          seen > 0 && all_full > 0 ? Field(all_full / seen) : Field()});
  };
  for (const std::int64_t n : {1, 2, 4, 8}) {
    const Retention retention{1, n};
    add(retention.to_string(), uniform(retention).letters());
  }
  add("this cell", pattern);
  table.notes = {
      "were indexers of Shared layers to cost nothing and all else to stay as timed; against all "
      "layers Full, with this cell's mean time of an indexer; measured: by runs in the database, "
      "on this machine and by this build"};
  if (view.slice) {
    table.notes.push_back("times and F layers are those of " + describe(*view.slice) +
                          "; a retention is the whole model's");
  }
  return table;
}

Table ceilings_of(const ProfiledCell& profiled) {
  RunResults run;
  run.run.ceilings = profiled.ceilings;
  return ceilings_table(run);
}

}  // namespace

std::vector<Table> profile_tables(const ProfiledCell& profiled) {
  const View view(profiled);
  std::vector<Table> tables = {cell_table(view), stage_table(view), profile_view::group_table(view),
                               profile_view::layer_table(view)};
  if (view.is_traced()) tables.push_back(profile_view::kernel_table(view));
  if (view.slice) tables.push_back(profile_view::whole_table(view));
  tables.push_back(reuse_table(view));
  if (!profiled.ceilings.empty()) tables.push_back(ceilings_of(profiled));
  return tables;
}

}  // namespace dsabench
