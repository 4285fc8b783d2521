#include "harness/run/expected_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "harness/plan/work_estimate.h"
#include "kernels/base/error.h"
#include "results/identity.h"

namespace dsabench {
namespace {

/// Older runs say little about a machine as it is now, and cost time to read.
constexpr int kMaxRuns = 20;

/// Whether one cell's times say something of the other's.
bool is_same_setting(const Cell& a, const Cell& b) {
  return a.config_hash == b.config_hash && a.device_kind == b.device_kind && a.dtype == b.dtype;
}

bool is_of_config(const CellRecord& cell, const std::string& config_hash) {
  return cell.canonical_json.find(config_hash) != std::string::npos;
}

}  // namespace

TrialCost cost_of(const TrialRecord& trial) {
  TrialCost cost;
  cost.seconds = double(trial.finished_ms - trial.started_ms) / 1e3;
  for (const char* metric : {"prefill", "decode_step"}) {
    const std::vector<std::int64_t>& times = metric_values(trial, metric);
    if (times.empty()) continue;
    const double sum = std::accumulate(times.begin(), times.end(), 0.0);
    cost.pass_seconds = sum / 1e9 / double(times.size());
    cost.num_passes = std::ssize(times) + trial.num_warmups + 1;
  }
  return cost;
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
      add_to(build == build_id ? seen.here : seen.elsewhere, cost_of(trial));
      try {
        seen.cell = parse_canonical_cell(cells.at(trial.cell_id)->canonical_json);
      } catch (const InvalidArgument&) {  // of a build with other fields: no cell of ours
        seen_.erase(trial.cell_id);
      }
    }
  }
}

void CostHistory::add(const Cell& cell, const TrialCost& cost) {
  Seen& seen = seen_[cell_id(cell)];
  seen.cell = cell;
  add_to(seen.here, cost);
}

void CostHistory::add_to(Sums& sums, const TrialCost& cost) {
  sums.seconds += cost.seconds;
  sums.pass_seconds += cost.pass_seconds;
  sums.in_passes += cost.pass_seconds * double(cost.num_passes);
  ++sums.num_trials;
}

const CostHistory::Seen* CostHistory::closest(const Cell& cell) const {
  const double work = estimate_trial_flops(config_, cell);
  const Seen* best = nullptr;
  double best_distance = 0;
  for (const auto& [id, seen] : seen_) {
    if (seen.cell.phase != cell.phase || !is_same_setting(seen.cell, cell)) continue;
    const double distance = std::abs(std::log(estimate_trial_flops(config_, seen.cell) / work));
    if (best != nullptr && distance >= best_distance) continue;
    best = &seen;
    best_distance = distance;
  }
  return best;
}

/// What a decode cell's prompts take, from a prefill cell of one of them.
std::optional<double> CostHistory::prompt_seconds(const Cell& decode) const {
  for (const auto& [id, seen] : seen_) {
    const bool is_prompt =
        seen.cell.phase == Phase::prefill && seen.cell.batch == 1 &&
        seen.cell.context_tokens == decode.context_tokens && seen.cell.pattern == decode.pattern &&
        seen.cell.indexer_mode == decode.indexer_mode && is_same_setting(seen.cell, decode);
    const Sums& known = seen.known();
    if (is_prompt && known.pass_seconds > 0) {
      return known.per_trial(known.pass_seconds) * double(num_prompts(decode));
    }
  }
  return std::nullopt;
}

/// Of a trial's mean seconds.
double CostHistory::seconds_that_scale(const Seen& seen) const {
  const Sums& known = seen.known();
  const double whole = known.per_trial(known.seconds);
  double passes = known.per_trial(known.in_passes);
  if (seen.cell.phase == Phase::decode) {
    const std::optional<double> prompts = prompt_seconds(seen.cell);
    if (!prompts) return whole;
    passes += *prompts;
  }
  return known.in_passes > 0 ? std::min(passes, whole) : whole;
}

ExpectedCost CostHistory::of(const Cell& cell) const {
  const auto found = seen_.find(cell_id(cell));
  if (found != seen_.end()) {
    const Seen& seen = found->second;
    const Sums& known = seen.known();
    const bool of_this_build = seen.here.num_trials > 0;
    return {known.per_trial(known.seconds),
            fmt::format("{} trial{}{}", known.num_trials, known.num_trials == 1 ? "" : "s",
                        of_this_build ? "" : " of other builds")};
  }
  const Seen* near = closest(cell);
  if (near == nullptr) return {std::nullopt, "no earlier trial"};
  const double scale =
      estimate_trial_flops(config_, cell) / estimate_trial_flops(config_, near->cell);
  const double whole = near->known().per_trial(near->known().seconds);
  const double scaled = seconds_that_scale(*near);
  return {whole - scaled + scaled * scale, fmt::format("scaled from {}", describe(near->cell))};
}

}  // namespace dsabench
