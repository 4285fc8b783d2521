#include "harness/run/expected_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/plan/work_estimate.h"
#include "kernels/base/error.h"
#include "results/identity.h"

namespace dsabench {
namespace {

/// Older runs say little about a machine as it is now, and cost time to read.
constexpr int kMaxRuns = 20;

bool is_of_config(const CellRecord& cell, const std::string& config_hash) {
  return cell.canonical_json.find(config_hash) != std::string::npos;
}

}  // namespace

double CostHistory::Seen::mean_seconds() const {
  return num_here > 0 ? seconds_here / double(num_here) : seconds_elsewhere / double(num_elsewhere);
}

CostHistory::CostHistory(const ResultStore& store, const std::string& machine_id,
                         const std::string& build_id, const ModelConfig& config)
    : config_(config) {
  const std::string config_hash = content_hash(to_json(config));
  int num_runs = 0;
  for (const RunRecord& run : store.list_runs()) {
    if (run.machine_id != machine_id) continue;
    const std::vector<PlannedCell> plan = store.load_progress(run.run_id).plan;
    const bool related = std::any_of(plan.begin(), plan.end(), [&](const PlannedCell& planned) {
      return is_of_config(planned.cell, config_hash);
    });
    if (!related) continue;
    if (++num_runs > kMaxRuns) break;
    std::map<std::string, const CellRecord*> cells;
    for (const PlannedCell& planned : plan) cells[planned.cell.cell_id] = &planned.cell;
    for (const TrialRecord& trial : store.load_run(run.run_id).trials) {
      if (trial.outcome != TrialOutcome::ok || !trial.machine_id.empty()) continue;
      const std::string& build = trial.build_id.empty() ? run.build_id : trial.build_id;
      Seen& seen = seen_[trial.cell_id];
      const double seconds = double(trial.finished_ms - trial.started_ms) / 1e3;
      (build == build_id ? seen.seconds_here : seen.seconds_elsewhere) += seconds;
      ++(build == build_id ? seen.num_here : seen.num_elsewhere);
      try {
        seen.cell = parse_canonical_cell(cells.at(trial.cell_id)->canonical_json);
      } catch (const InvalidArgument&) {  // of a build with other fields: no cell of ours
        seen_.erase(trial.cell_id);
      }
    }
  }
}

void CostHistory::add(const Cell& cell, double seconds) {
  Seen& seen = seen_[cell_id(cell)];
  seen.cell = cell;
  seen.seconds_here += seconds;
  ++seen.num_here;
}

const CostHistory::Seen* CostHistory::closest(const Cell& cell) const {
  const double work = estimate_trial_flops(config_, cell);
  const Seen* best = nullptr;
  double best_distance = 0;
  for (const auto& [id, seen] : seen_) {
    const bool comparable =
        seen.cell.phase == cell.phase && seen.cell.config_hash == cell.config_hash &&
        seen.cell.device_kind == cell.device_kind && seen.cell.dtype == cell.dtype;
    if (!comparable) continue;
    const double distance = std::abs(std::log(estimate_trial_flops(config_, seen.cell) / work));
    if (best != nullptr && distance >= best_distance) continue;
    best = &seen;
    best_distance = distance;
  }
  return best;
}

ExpectedCost CostHistory::of(const Cell& cell) const {
  const auto found = seen_.find(cell_id(cell));
  if (found != seen_.end()) {
    const Seen& seen = found->second;
    const std::int64_t count = seen.num_here > 0 ? seen.num_here : seen.num_elsewhere;
    return {seen.mean_seconds(), fmt::format("{} trial{}{}", count, count == 1 ? "" : "s",
                                             seen.num_here > 0 ? "" : " of other builds")};
  }
  const Seen* near = closest(cell);
  if (near == nullptr) return {std::nullopt, "no earlier trial"};
  const double scale =
      estimate_trial_flops(config_, cell) / estimate_trial_flops(config_, near->cell);
  return {near->mean_seconds() * scale, fmt::format("scaled from {}", describe(near->cell))};
}

}  // namespace dsabench
