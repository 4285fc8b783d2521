#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "harness/cli/results_database.h"
#include "harness/cli/sweep.h"
#include "harness/plan/memory_estimate.h"
#include "harness/plan/work_estimate.h"
#include "harness/run/expected_cost.h"
#include "kernels/base/error.h"
#include "results/layer_list.h"
#include "results/report/fields.h"

namespace dsabench {
namespace {

/// What earlier runs tell, where there are any; else a note says why nothing is told.
CostHistory read_history(const ModelConfig& config, const std::string& database,
                         const Invocation& invocation, std::vector<std::string>& notes) {
  std::error_code no_path;
  if (!std::filesystem::exists(database, no_path)) {
    notes.push_back(fmt::format("expected cost: there is no {} with earlier runs", database));
    return CostHistory(config);
  }
  try {
    return CostHistory(open_for_reading(database, invocation), machine_identity().id,
                       build_identity().id, config);
  } catch (const StoreError& error) {
    notes.push_back(fmt::format("expected cost: {}", error.what()));
    return CostHistory(config);
  }
}

/// "1/4", "1/4 published", "given".
std::string asked_text(const PatternChoice& choice) {
  if (choice.nominal_retention.empty()) return choice.origin;
  return choice.nominal_retention + (choice.origin == "published" ? " published" : "");
}

/// Of a slice.
void append_whole(std::vector<Field>& row, const Cell& cell) {
  const auto full = std::count(cell.whole_pattern.begin(), cell.whole_pattern.end(), 'F');
  row.insert(row.end(), {cell.layers, std::int64_t{full}, cell.whole_pattern});
}

std::string total_note(double seconds, std::int64_t num_unknown, std::int64_t num_cells) {
  if (num_unknown == num_cells) return "expected cost in all: unknown";
  std::string note = fmt::format("expected cost in all: {:.1f} s of trials", seconds);
  if (num_unknown > 0) note += fmt::format(", and {} cells of unknown cost", num_unknown);
  return note + "; loading the model and making prompts come on top";
}

}  // namespace

Table plan_table(const RunPlan& plan, const std::string& database, const Invocation& invocation) {
  const ModelConfig config = resolve_model_config(plan.model);
  Table table;
  table.name = "plan";
  table.title = fmt::format("Plan: {} cells of {}", plan.sweep.entries.size(), config.name);
  table.notes = plan.sweep.notices;
  table.columns = {{"position", "#", ""},
                   {"suite", "Suite", ""},
                   {"phase", "Phase", ""},
                   {"context", "Context", "tokens"},
                   {"batch", "Batch", ""},
                   {"indexer_mode", "Indexer", ""},
                   {"cache_format", "Cache", "", 0, Shown::where_it_varies},
                   {"retention", "Retention", ""},
                   {"full_layers", "F layers", ""},
                   {"realised", "Realised", "%", 1},
                   {"gflop", "Work of a sample", "GFLOP", 1},
                   {"memory_gib", "Caches and scratch", "GiB", 3},
                   {"repeats", "Repeats", "", 0, Shown::where_it_varies},
                   {"expected_s", "Expected", "s", 2},
                   {"expected_from", "Expected from", ""},
                   {"pattern", "Pattern", ""},
                   report::naming("cell_id", "Cell")};
  const bool sliced = !plan.model.layers.empty();
  if (sliced) {
    table.title += fmt::format(", layers {} of {}", layer_list_text(plan.model.layers),
                               resolve_whole_config(plan.model).num_layers);
    table.columns.insert(table.columns.end(),
                         {{"layers_measured", "Layers that run", "", 0, Shown::where_it_varies},
                          {"whole_full_layers", "F layers of the whole", ""},
                          {"whole_pattern", "Pattern of the whole", ""}});
    table.notes.push_back(
        "work, caches and expected cost are of the layers that run; times of the whole are "
        "extrapolated from theirs");
  }
  const CostHistory history = read_history(config, database, invocation, table.notes);
  double total_seconds = 0;
  std::int64_t num_unknown = 0;
  for (const PlanEntry& entry : plan.sweep.entries) {
    const Cell& cell = entry.cell;
    const ExpectedCost cost = history.of(cell);
    Field seconds;
    if (cost.seconds) {
      seconds = *cost.seconds * double(plan.repeats);
      total_seconds += *cost.seconds * double(plan.repeats);
    } else {
      ++num_unknown;
    }
    table.rows.push_back(
        {std::ssize(table.rows) + 1, cell.suite, std::string(phase_name(cell.phase)),
         cell.context_tokens, cell.batch, cell.indexer_mode, cell.cache_format,
         asked_text(entry.pattern), entry.pattern.pattern.num_full(),
         100.0 * entry.pattern.pattern.realised_retention(), estimate_flops(config, cell) / 1e9,
         double(estimate_memory(config, cell).total_bytes()) / double(1 << 30), plan.repeats,
         seconds, cost.basis, cell.pattern, cell_id(cell)});
    if (sliced) append_whole(table.rows.back(), cell);
  }
  const double weights =
      double(config.num_parameters() * dtype_bytes(plan.model.dtype)) / double(1 << 30);
  table.notes.push_back(
      fmt::format("weights: {:.1f} GiB in {}", weights, dtype_name(plan.model.dtype)));
  table.notes.push_back(total_note(total_seconds, num_unknown, std::ssize(plan.sweep.entries)));
  return table;
}

std::vector<Table> plan_tables(std::span<const RunPlan> plans, const std::string& database,
                               const Invocation& invocation) {
  std::vector<Table> tables;
  for (const RunPlan& plan : plans) tables.push_back(plan_table(plan, database, invocation));
  return tables;
}

}  // namespace dsabench
