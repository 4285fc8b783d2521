#include "results/report/cell_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "results/overlap_record.h"
#include "results/report/foreign_json.h"

namespace dsabench::report {
namespace {

using nlohmann::json;

constexpr std::array<const char*, 3> kSpeedPhases = {"prefill", "decode", "prefill+decode"};

bool is_speed_phase(const std::string& phase) {
  return std::find(kSpeedPhases.begin(), kSpeedPhases.end(), phase) != kSpeedPhases.end();
}

std::string with_reason(const TrialRecord& trial) {
  const std::string name = trial_outcome_name(trial.outcome);
  return trial.reason.empty() ? name : name + ": " + trial.reason;
}

/// "ok", with the other trials counted by outcome.
std::string describe_ok(const std::vector<const TrialRecord*>& trials) {
  std::map<TrialOutcome, int> counts;
  for (const TrialRecord* trial : trials) ++counts[trial->outcome];
  std::vector<std::string> others;
  for (const auto& [outcome, count] : counts) {
    if (outcome != TrialOutcome::ok) {
      others.push_back(fmt::format("{} {}", count, trial_outcome_name(outcome)));
    }
  }
  return others.empty() ? "ok" : fmt::format("ok ({})", fmt::join(others, ", "));
}

CellState state_of(TrialOutcome outcome) {
  switch (outcome) {
    case TrialOutcome::ok:
      return CellState::ok;
    case TrialOutcome::incorrect:
      return CellState::incorrect;
    case TrialOutcome::failed:
      return CellState::failed;
    case TrialOutcome::discarded:
      return CellState::discarded;
    case TrialOutcome::interrupted:
      return CellState::interrupted;
  }
  return CellState::failed;
}

void judge(CellView& view, const std::vector<const TrialRecord*>& trials) {
  if (trials.empty()) {
    view.outcome = "not run";
    return;
  }
  for (const TrialRecord* trial : trials) {
    if (trial->outcome == TrialOutcome::discarded) ++view.num_discarded;
  }
  for (const TrialRecord* trial : trials) {
    if (trial->outcome == TrialOutcome::incorrect) {
      view.outcome = with_reason(*trial);
      view.state = CellState::incorrect;
      view.ok_trials.clear();
      return;
    }
    if (trial->outcome == TrialOutcome::ok) view.ok_trials.push_back(trial);
  }
  view.ok = !view.ok_trials.empty();
  view.state = state_of(view.ok ? TrialOutcome::ok : trials.back()->outcome);
  view.outcome = view.ok ? describe_ok(trials) : with_reason(*trials.back());
}

/// A member of foreign JSON as text; empty where it is absent or not simple.
std::string member(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (found->is_number() || found->is_boolean()) return found->dump();
  return "";
}

/// What a cell's canonical form holds beyond the columns of the tables.
json unshown_fields(const CellRecord& cell) {
  json fields = parse_object(cell.canonical_json);
  for (const char* shown :
       {"layers", "whole_mlp", "model", "pattern", "suite", "context_tokens", "phase", "batch",
        "device_kind", "dtype", "indexer_mode", "picks", "decode_tokens"}) {
    fields.erase(shown);
  }
  return fields;
}

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Of a slice what all tables show; its whole pattern only where cells of the same letters differ
/// in it.
void name_slices(const std::vector<CellView>& views, std::vector<json>& fields,
                 std::vector<std::vector<std::string>>& parts) {
  std::map<std::string, std::set<std::string>> wholes;  // by letters
  for (const CellView& view : views) {
    if (view.slice) wholes[view.cell().pattern].insert(view.slice->whole_pattern);
  }
  for (std::size_t i = 0; i < views.size(); ++i) {
    if (!views[i].slice) continue;
    parts[i].push_back(describe(*views[i].slice));
    if (wholes[views[i].cell().pattern].size() == 1) fields[i].erase("whole_pattern");
  }
}

/// Names the fields by which cells stand apart from others of their kind: without them, two rows of
/// a sweep over, say, the chunk size would look alike.
void name_variants(std::vector<CellView>& views) {
  struct Seen {
    std::set<std::string> values;
    std::size_t num_cells = 0;
  };
  std::map<bool, std::size_t> num_cells;
  std::map<std::pair<bool, std::string>, Seen> seen;
  std::vector<json> fields;
  std::vector<std::vector<std::string>> parts(views.size());
  for (const CellView& view : views) fields.push_back(unshown_fields(view.cell()));
  name_slices(views, fields, parts);
  for (std::size_t i = 0; i < views.size(); ++i) {
    ++num_cells[views[i].quality];
    for (const auto& [key, value] : fields[i].items()) {
      Seen& entry = seen[{views[i].quality, key}];
      entry.values.insert(dump(value));
      ++entry.num_cells;
    }
  }
  for (std::size_t i = 0; i < views.size(); ++i) {
    for (const auto& [key, value] : fields[i].items()) {
      const Seen& entry = seen[{views[i].quality, key}];
      if (entry.values.size() == 1 && entry.num_cells == num_cells[views[i].quality]) continue;
      parts[i].push_back(value == json(true) ? key : fmt::format("{}={}", key, dump(value)));
    }
    views[i].variant = fmt::format("{}", fmt::join(parts[i], ", "));
  }
}

/// `weights`: what a time of each layer counts for; where there is none for a layer it is 1.
std::optional<double> weighted_percent(const CellView& view, std::string_view metric,
                                       const std::vector<double>& weights) {
  double indexer = 0, total = 0;
  for (const TrialRecord* trial : view.ok_trials) {
    for (const StageTime& time : trial->stage_times) {
      if (time.metric != metric) continue;
      const bool weighted = time.layer >= 0 && time.layer < std::ssize(weights);
      const double weight = weighted ? weights[static_cast<std::size_t>(time.layer)] : 1.0;
      const double ns = weight * static_cast<double>(time.nanoseconds);
      total += ns;
      if (time.stage == "indexer_proj" || time.stage == "indexer_score" || time.stage == "topk") {
        indexer += ns;
      }
    }
  }
  if (total <= 0) return std::nullopt;
  return 100.0 * indexer / total;
}

}  // namespace

const char* state_name(CellState state) {
  constexpr std::array<const char*, 6> kNames = {"ok",          "not_run", "discarded",
                                                 "interrupted", "failed",  "incorrect"};
  return kNames.at(static_cast<std::size_t>(state));
}

std::vector<std::int64_t> CellView::pooled(std::string_view metric) const {
  std::vector<std::int64_t> values;
  for (const TrialRecord* trial : ok_trials) {
    const std::vector<std::int64_t>& own = metric_values(*trial, metric);
    values.insert(values.end(), own.begin(), own.end());
  }
  return values;
}

std::vector<std::int64_t> CellView::pooled_extrapolated(std::string_view phase) const {
  std::vector<std::int64_t> values;
  if (!slice) return values;
  for (const TrialRecord* trial : ok_trials) {
    const std::vector<std::int64_t> own = extrapolated_values(*slice, *trial, phase);
    if (own.empty()) return {};
    values.insert(values.end(), own.begin(), own.end());
  }
  return values;
}

std::vector<CellView> view_cells(const RunResults& results) {
  std::map<std::string, std::vector<const TrialRecord*>> trials;
  std::set<std::string> cells_with_answers, quality_suites;
  for (const TrialRecord& trial : results.trials) {
    trials[trial.cell_id].push_back(&trial);
    if (!trial.answers.empty()) cells_with_answers.insert(trial.cell_id);
  }
  for (const PlannedCell& planned : results.plan) {
    if (cells_with_answers.count(planned.cell.cell_id)) quality_suites.insert(planned.cell.suite);
  }
  std::vector<CellView> views;
  for (const PlannedCell& planned : results.plan) {
    CellView& view = views.emplace_back();
    view.planned = &planned;
    view.slice = slice_of(planned.cell);
    view.quality = !is_speed_phase(planned.cell.phase) || quality_suites.count(planned.cell.suite);
    judge(view, trials[planned.cell.cell_id]);
  }
  name_variants(views);
  return views;
}

std::string pairing_key(const CellRecord& cell, bool any_pattern) {
  json canonical = parse_object(cell.canonical_json);
  canonical.erase("phase");
  canonical.erase("decode_tokens");  // of a decode cell alone
  canonical.erase("pattern");
  if (any_pattern) canonical.erase("whole_pattern");
  const json key = {cell.model, any_pattern ? "" : cell.pattern,
                    cell.suite, cell.device_kind,
                    cell.dtype, cell.indexer_mode,
                    cell.picks, cell.context_tokens,
                    cell.batch, canonical};
  return dump(key);
}

bool is_all_full(const std::string& pattern) {
  return !pattern.empty() && pattern.find_first_not_of('F') == std::string::npos;
}

std::optional<double> indexer_percent(const CellView& view, std::string_view metric) {
  return weighted_percent(view, metric, {});
}

std::optional<double> extrapolated_indexer_percent(const CellView& view, std::string_view metric) {
  if (!view.slice) return std::nullopt;
  const std::vector<double> weights = layer_weights(*view.slice);
  if (weights.empty()) return std::nullopt;
  return weighted_percent(view, metric, weights);
}

std::optional<std::string> gpu_note(const std::vector<CellView>& views) {
  std::map<std::string, std::set<std::string>> gpus_of;  // by what cells share but the pattern
  for (const CellView& view : views) {
    json shared = parse_object(view.cell().canonical_json);
    shared.erase("pattern");
    shared.erase("whole_pattern");
    if (shared.contains("prompts")) shared.erase("batch");  // as many as fit: the pattern says
    for (const TrialRecord* trial : view.ok_trials) {
      const json conditions = parse_object(trial->conditions_json);
      const auto gpu = conditions.find("gpu");
      if (gpu != conditions.end()) gpus_of[dump(shared)].insert(dump(*gpu));
    }
  }
  const bool mixed = std::any_of(gpus_of.begin(), gpus_of.end(),
                                 [](const auto& entry) { return entry.second.size() > 1; });
  if (!mixed) return std::nullopt;
  return "patterns of one context and phase were measured on different GPUs: a speedup between "
         "them also says what these differ by, some percent in decode";
}

std::string describe_machine(const std::string& machine_id, const std::string& machine_json) {
  const json machine = parse_object(machine_json);
  std::string text = "machine " + machine_id;
  if (const std::string cpu = member(machine, "cpu_model"); !cpu.empty()) text += ": " + cpu;
  if (const std::string threads = member(machine, "threads"); !threads.empty()) {
    text += ", " + threads + " threads";
  }
  const auto gpus = machine.find("gpus");
  if (gpus != machine.end() && gpus->is_array()) {
    for (const json& gpu : *gpus) {
      if (gpu.is_object()) text += ", " + member(gpu, "name");
    }
  }
  return text;
}

std::string describe_commit(const std::string& build_json) {
  const json build = parse_object(build_json);
  const std::string commit = member(build, "git_commit");
  const std::string dirty = member(build, "git_dirty");
  std::string text;
  if (!commit.empty()) text += ", commit " + commit;
  if (dirty == "true" || dirty == "1") text += " with uncommitted changes";
  return text;
}

void append_run_notes(Table& table, const RunRecord& run) {
  std::vector<std::string>& notes = table.notes;
  if (run.synthetic_weights) notes.push_back("the weights are synthetic: accuracy is chance");
  if (run.status != "done" && run.status != kOverlapStatus) {
    notes.push_back("this run is not complete: " + run.status);
  }
  if (run.mixed) {
    notes.push_back(
        "this run was gone on with on another machine or by another build: its rows are not "
        "comparable with one another");
  }
  notes.push_back(describe_machine(run.machine_id, run.machine_json));
  notes.push_back("dsabench " + run.tool_version + describe_commit(run.build_json));
  notes.push_back(fmt::format(
      "run {}: every sample is in the results database (views speed and accuracy)", run.run_id));
}

}  // namespace dsabench::report
