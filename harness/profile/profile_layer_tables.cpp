#include <utility>

#include "harness/profile/profile_view.h"
#include "results/report/fields.h"

namespace dsabench::profile_view {
namespace {

/// Sums over a set of layers.
struct GroupSum {
  std::int64_t layers = 0, launches = 0, indexer_launches = 0;
  double ns = 0, indexer = 0;
};

GroupSum sum_of(const View& view, std::int64_t layer) {
  GroupSum sum{1, 0, 0, view.timed.of_layer(layer), view.timed.of_indexer(layer)};
  for (const auto& [key, activity] : view.activities) {
    if (key.first != layer) continue;
    sum.launches += activity.launches;
    if (is_indexer_stage(key.second)) sum.indexer_launches += activity.launches;
  }
  return sum;
}

}  // namespace

Table group_table(const View& view) {
  Table table;
  table.title = "Full layers against Shared ones";
  table.name = "profile_layer_groups";
  table.columns = {report::naming("layers_of", "Layers"),
                   {"layers", "Number", ""},
                   {"timed_ms", "Timed", "ms", 3},
                   {"percent", "Share", "%", 1},
                   {"ms_per_layer", "A layer", "ms", 4},
                   {"indexer_ms", "Indexer", "ms", 3},
                   {"rest_ms_per_layer", "A layer without it", "ms", 4},
                   {"launches", "Launches", "", 0, Shown::where_it_varies},
                   {"indexer_launches", "Indexer launches", "", 0, Shown::where_it_varies}};
  GroupSum full, shared;
  for (std::int64_t layer = 0; layer < view.num_layers(); ++layer) {
    GroupSum& group = view.is_full(layer) ? full : shared;
    const GroupSum one = sum_of(view, layer);
    group.layers += one.layers;
    group.launches += one.launches;
    group.indexer_launches += one.indexer_launches;
    group.ns += one.ns;
    group.indexer += one.indexer;
  }
  GroupSum outside = sum_of(view, -1);
  outside.layers = 0;
  for (const auto& [name, group] :
       {std::pair("full", full), std::pair("shared", shared), std::pair("none", outside)}) {
    if (group.layers == 0 && group.ns == 0) continue;
    const auto layers = double(group.layers);
    table.rows.push_back(
        {std::string(name), group.layers, group.ns / kMillisecond,
         share(group.ns, view.timed.stage_sum),
         group.layers > 0 ? Field(group.ns / layers / kMillisecond) : Field(),
         group.indexer / kMillisecond,
         group.layers > 0 ? Field((group.ns - group.indexer) / layers / kMillisecond) : Field(),
         count_if_traced(view, group.launches), count_if_traced(view, group.indexer_launches)});
  }
  table.notes = {"none: embedding, final norm, lm_head"};
  return table;
}

Table layer_table(const View& view) {
  Table table;
  table.title = "Layers";
  table.name = "profile_layers";
  table.columns = {report::naming("layer", "Layer"),
                   {"indexer", "Indexer", ""},
                   {"timed_ms", "Timed", "ms", 4},
                   {"launches", "Launches", "", 0, Shown::where_it_varies},
                   {"indexer_calls", "Indexer calls traced", "", 0, Shown::where_it_varies},
                   {"indexer_runs", "Indexer runs counted", "", 0, Shown::everywhere}};
  for (int stage = 0; stage < kNumStages; ++stage) {
    const std::string name = stage_name(static_cast<Stage>(stage));
    table.columns.push_back({name + "_ms", name, "ms", 4, Shown::where_it_varies});
  }
  const CellProfile& profile = view.profiled.profile;
  const std::vector<std::int64_t> calls = traced_indexer_calls(profile.trace, view.num_layers());
  for (std::int64_t layer = -1; layer < view.num_layers(); ++layer) {
    const auto at = static_cast<std::size_t>(layer);
    std::vector<Field>& row = table.rows.emplace_back();
    row = {layer,
           layer < 0 ? Field() : Field(view.is_full(layer) ? "full" : "shared"),
           view.timed.of_layer(layer) / kMillisecond,
           count_if_traced(view, sum_of(view, layer).launches),
           layer < 0 || !view.is_traced() ? Field() : Field(calls[at]),
           layer < 0 ? Field() : Field(profile.indexer_runs.at(at))};
    for (const double taken : view.timed.stages[static_cast<std::size_t>(layer + 1)]) {
      row.push_back(taken > 0 ? Field(taken / kMillisecond) : Field());
    }
  }
  table.notes = {
      "layer -1: embedding, final norm, lm_head; the indexers' runs are counted by the operator "
      "itself"};
  return table;
}

Table kernel_table(const View& view) {
  Table table;
  table.title = "Kernels, copies and fills of the profiled sample";
  table.name = "profile_kernels";
  table.columns = {report::naming("stage", "Stage"),     report::naming("name", "Name"),
                   {"launches", "Launches", ""},         {"total_ms", "Total", "ms", 3},
                   {"percent", "Share", "%", 1},         {"mean_us", "Mean", "µs", 2},
                   {"shortest_us", "Shortest", "µs", 2}, {"longest_us", "Longest", "µs", 2}};
  const std::vector<KernelUse> uses = kernel_uses(view.profiled.profile.trace);
  double total = 0;
  for (const KernelUse& use : uses) total += double(use.total_ns);
  for (const KernelUse& use : uses) {
    table.rows.push_back({use.stage.empty() ? Field() : Field(use.stage), use.name, use.launches,
                          double(use.total_ns) / kMillisecond, share(double(use.total_ns), total),
                          double(use.total_ns) / double(use.launches) * 1e-3,
                          double(use.shortest_ns) * 1e-3, double(use.longest_ns) * 1e-3});
  }
  return table;
}

}  // namespace dsabench::profile_view
