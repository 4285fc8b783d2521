#include "results/compare/pairing.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "kernels/base/error.h"

namespace dsabench::compare {
namespace {

using nlohmann::json;
using report::CellView;

json canonical_of(const CellRecord& cell) {
  json canonical = json::parse(cell.canonical_json, nullptr, false);
  return canonical.is_object() ? canonical : json::object();
}

void require_known_keys(const std::vector<CellView>& base, const std::vector<CellView>& candidate,
                        const std::vector<std::string>& ignored_keys) {
  std::set<std::string> known;
  for (const auto* views : {&base, &candidate}) {
    for (const CellView& view : *views) {
      const json canonical = canonical_of(view.cell());  // items() does not keep a temporary alive
      for (const auto& item : canonical.items()) known.insert(item.key());
    }
  }
  for (const std::string& key : ignored_keys) {
    if (known.count(key)) continue;
    throw InvalidArgument(fmt::format("compare: no cell has a field '{}'; there are: {}", key,
                                      fmt::join(known, ", ")));
  }
}

using Groups = std::map<std::string, std::vector<const CellView*>>;

/// The base's cell for a candidate's; null with the reason.
const CellView* partner_of(const CellView& view, const Groups& by_id, const Groups& by_form,
                           const std::vector<std::string>& ignored_keys, std::string& reason) {
  const auto same = by_id.find(view.cell().cell_id);
  if (same != by_id.end()) return same->second.front();
  const auto alike = by_form.find(reduced_form(view.cell(), ignored_keys));
  if (alike == by_form.end()) {
    reason = "the base has no such cell";
    return nullptr;
  }
  if (alike->second.size() > 1) {
    reason = fmt::format("{} cells of the base agree but for {}", alike->second.size(),
                         fmt::join(ignored_keys, ", "));
    return nullptr;
  }
  return alike->second.front();
}

}  // namespace

std::string reduced_form(const CellRecord& cell, const std::vector<std::string>& ignored_keys) {
  json canonical = canonical_of(cell);
  if (ignored_keys.empty() || canonical.empty()) return cell.cell_id;
  for (const std::string& key : ignored_keys) canonical.erase(key);
  return canonical.dump(-1, ' ', false, json::error_handler_t::replace);
}

Pairing pair_cells(const std::vector<CellView>& base, const std::vector<CellView>& candidate,
                   const std::vector<std::string>& ignored_keys) {
  require_known_keys(base, candidate, ignored_keys);
  Groups by_id, by_form;
  for (const CellView& view : base) {
    by_id[view.cell().cell_id].push_back(&view);
    by_form[reduced_form(view.cell(), ignored_keys)].push_back(&view);
  }
  Pairing pairing;
  std::set<const CellView*> used;
  for (const CellView& view : candidate) {
    std::string reason;
    const CellView* partner = partner_of(view, by_id, by_form, ignored_keys, reason);
    if (partner == nullptr) {
      pairing.unmatched.push_back({&view, "candidate", reason});
      continue;
    }
    used.insert(partner);
    if (partner->ok && view.ok) {
      pairing.pairs.push_back({partner, &view});
    } else if (!partner->ok) {
      pairing.unmatched.push_back({&view, "both", "base: " + partner->outcome});
    } else {
      pairing.unmatched.push_back({&view, "both", "candidate: " + view.outcome});
    }
  }
  for (const CellView& view : base) {
    if (!used.count(&view)) {
      pairing.unmatched.push_back({&view, "base", "the candidate has no such cell"});
    }
  }
  return pairing;
}

}  // namespace dsabench::compare
