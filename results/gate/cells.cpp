#include "results/gate/cells.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "results/compare/pairing.h"

namespace dsabench::gate {
namespace {

using nlohmann::json;
using report::CellState;
using report::CellView;

/// Finds the cell that a process's view belongs to; makes it where there is none.
class Index {
 public:
  Index(EvidenceCells& all, const std::vector<std::string>& ignored_keys)
      : all_(all), ignored_keys_(ignored_keys) {}

  EvidenceCell& find_or_add(const CellRecord& cell, Arm arm) {
    const auto known = by_id_.find(cell.cell_id);
    if (known != by_id_.end()) return all_.cells[known->second];
    std::size_t place = all_.cells.size();
    const std::string form = compare::reduced_form(cell, ignored_keys_);
    if (arm == Arm::candidate) {
      const auto alike = base_by_form_.find(form);
      if (alike != base_by_form_.end() && alike->second) place = *alike->second;
      // A second cell of the candidate that agrees with the same one is a cell of its own.
      if (place < all_.cells.size() && !all_.cells[place].candidate.empty() &&
          all_.cells[place].candidate.front().view->cell().cell_id != cell.cell_id) {
        place = all_.cells.size();
      }
    } else {
      const auto [alike, is_new] = base_by_form_.try_emplace(form, place);
      if (!is_new) alike->second.reset();  // several: none of them is meant
    }
    if (place == all_.cells.size()) all_.cells.emplace_back();
    by_id_[cell.cell_id] = place;
    return all_.cells[place];
  }

 private:
  EvidenceCells& all_;
  const std::vector<std::string>& ignored_keys_;
  std::map<std::string, std::size_t> by_id_;
  std::map<std::string, std::optional<std::size_t>> base_by_form_;
};

std::optional<std::string> column_of(const CellRecord& cell, const std::string& key) {
  const std::pair<const char*, const std::string*> texts[] = {
      {"model", &cell.model}, {"pattern", &cell.pattern},
      {"suite", &cell.suite}, {"phase", &cell.phase},
      {"dtype", &cell.dtype}, {"device_kind", &cell.device_kind},
      {"picks", &cell.picks}, {"indexer_mode", &cell.indexer_mode},
  };
  for (const auto& [name, text] : texts) {
    if (key == name) return *text;
  }
  if (key == "context_tokens") return std::to_string(cell.context_tokens);
  if (key == "batch") return std::to_string(cell.batch);
  return std::nullopt;
}

}  // namespace

const std::vector<Observation>& EvidenceCell::of(Arm arm) const {
  return arm == Arm::base ? base : arm == Arm::twin ? twin : candidate;
}
std::vector<Observation>& EvidenceCell::of(Arm arm) {
  return arm == Arm::base ? base : arm == Arm::twin ? twin : candidate;
}

const CellRecord& EvidenceCell::cell() const {
  const std::vector<Observation>& side = !candidate.empty() ? candidate
                                         : !base.empty()    ? base
                                                            : twin;
  return side.front().view->cell();
}

std::string EvidenceCell::name() const {
  const CellRecord& record = cell();
  return fmt::format("{} {} {} {}, {} tokens, batch {}", record.model, record.suite, record.phase,
                     record.pattern, record.context_tokens, record.batch);
}

Tally tally(const std::vector<Observation>& side) {
  Tally result;
  CellState worst = CellState::ok;
  for (const Observation& seen : side) {
    const CellState state = seen.view->state;
    result.num_ok += state == CellState::ok;
    result.num_discarded += state == CellState::discarded;
    result.num_failed += state == CellState::failed;
    result.num_incorrect += state == CellState::incorrect;
    if (state > worst) {
      worst = state;
      result.reason = seen.view->outcome;
    }
  }
  return result;
}

EvidenceCells gather_cells(const GateEvidence& evidence) {
  EvidenceCells all;
  Index index(all, evidence.ignored_keys);
  // The base first, so that its cells are known when the candidate's look for theirs.
  for (const Arm arm : {Arm::base, Arm::twin, Arm::candidate}) {
    for (const GateSample& sample : evidence.samples) {
      if (sample.arm != arm) continue;
      const std::vector<CellView>& views = all.views.emplace_back(report::view_cells(sample.run));
      for (const CellView& view : views) {
        index.find_or_add(view.cell(), arm).of(arm).push_back({sample.round, sample.place, &view});
      }
    }
  }
  return all;
}

bool fits(const GatedMetric& metric, const CellRecord& cell) {
  if (metric.where.empty()) return true;
  const json canonical = json::parse(cell.canonical_json, nullptr, false);
  return std::all_of(metric.where.begin(), metric.where.end(), [&](const auto& condition) {
    const auto& [key, value] = condition;
    if (const auto column = column_of(cell, key)) return *column == value;
    if (!canonical.is_object() || !canonical.contains(key)) return false;
    const json& own = canonical.at(key);
    return own.is_string() ? own.get<std::string>() == value : own.dump() == value;
  });
}

}  // namespace dsabench::gate
