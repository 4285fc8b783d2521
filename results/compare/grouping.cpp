#include "results/compare/grouping.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "kernels/base/error.h"
#include "results/report/foreign_json.h"

namespace dsabench {
namespace {

constexpr std::array<const char*, 4> kNames = {"device", "commit", "pattern", "model"};

}  // namespace

const char* group_by_name(GroupBy by) { return kNames.at(static_cast<std::size_t>(by)); }

std::string group_by_names() { return fmt::format("{}", fmt::join(kNames, ", ")); }

GroupBy parse_group_by(const std::string& name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) {
    throw InvalidArgument(fmt::format("--by: expected {}, got '{}'", group_by_names(), name));
  }
  return static_cast<GroupBy>(found - kNames.begin());
}

}  // namespace dsabench

namespace dsabench::compare {
namespace {

using nlohmann::json;
using report::CellView;

constexpr std::size_t kShortId = 8;
/// Looking for what is nearest goes through all cells for each that has no partner.
constexpr std::size_t kMostToExplain = 200;

std::string text_member(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Keys that are what is grouped by.
std::vector<std::string> keys_of(GroupBy by) {
  switch (by) {
    case GroupBy::device:
      return {"device_kind"};
    case GroupBy::commit:
      return {};
    case GroupBy::pattern:
      return {"pattern", "whole_pattern"};
    case GroupBy::model:
      return {"model", "config_hash", "whole_pattern", "whole_mlp"};
  }
  return {};
}

/// Of the trials that are ok, else of the run; none where they are of several machines or builds.
std::optional<Origin> origin_of(const RunRecord& run, const CellView& view) {
  std::set<std::pair<std::string, std::string>> ids;
  for (const TrialRecord* trial : view.ok_trials) {
    ids.emplace(trial->machine_id.empty() ? run.machine_id : trial->machine_id,
                trial->build_id.empty() ? run.build_id : trial->build_id);
  }
  if (ids.size() > 1) return std::nullopt;
  Origin origin{&run, run.machine_id, run.machine_json, run.build_id, run.build_json};
  if (ids.empty()) return origin;
  std::tie(origin.machine_id, origin.build_id) = *ids.begin();
  for (const Continuation& next : run.continuations) {
    if (next.machine_id == origin.machine_id) origin.machine_json = next.machine_json;
    if (next.build_id == origin.build_id) origin.build_json = next.build_json;
  }
  return origin;
}

std::string device_name(const CellView& view, const Origin& origin) {
  const json machine = report::parse_object(origin.machine_json);
  const std::string& kind = view.cell().device_kind;
  std::string name = text_member(machine, "cpu_model");
  if (kind != "cpu") {
    const auto gpus = machine.find("gpus");
    const bool named = gpus != machine.end() && gpus->is_array() && !gpus->empty();
    name = named ? text_member(gpus->front(), "name") : "";
  }
  return name.empty() ? kind : name;
}

std::string commit_name(const Origin& origin) {
  const json build = report::parse_object(origin.build_json);
  std::string name = text_member(build, "git_commit").substr(0, 12);
  if (name.empty()) return "build " + origin.build_id.substr(0, kShortId);
  const auto dirty = build.find("git_dirty");
  if (dirty != build.end() && *dirty == json(true)) name += " with changes";
  return name;
}

/// What a group is: what tells it from others, what people call it, and what is added to that where
/// two are called alike.
struct GroupName {
  std::string key, label, distinction;
};
GroupName group_of(GroupBy by, const CellView& view, const Origin& origin) {
  const CellRecord& cell = view.cell();
  switch (by) {
    case GroupBy::device:
      return {origin.machine_id + "/" + cell.device_kind, device_name(view, origin),
              "machine " + origin.machine_id.substr(0, kShortId)};
    case GroupBy::commit:
      return {origin.build_id, commit_name(origin), "build " + origin.build_id.substr(0, kShortId)};
    case GroupBy::pattern: {
      const std::string whole = view.slice ? view.slice->whole_pattern : "";
      return {cell.pattern + "/" + whole, cell.pattern, "of " + whole};
    }
    case GroupBy::model: {
      const std::string config =
          text_member(report::parse_object(view.cell().canonical_json), "config_hash");
      return {cell.model + "/" + config, cell.model, "config " + config.substr(0, kShortId)};
    }
  }
  return {};
}

/// What must agree between the cells of a set.
json shared_form(const CompareGroupsOptions& options, const PlannedCell& planned,
                 const CellView& view, const Origin& origin) {
  json form = report::parse_object(view.cell().canonical_json);
  if (form.empty()) form["cell"] = view.cell().cell_id;
  for (const std::string& key : keys_of(options.by)) form.erase(key);
  // Models of other depths have no pattern in common, but a retention.
  if (options.by == GroupBy::model && !planned.nominal_retention.empty()) {
    form["pattern"] = planned.pattern_origin + " " + planned.nominal_retention;
  }
  for (const std::string& key : options.ignored_keys) form.erase(key);
  if (options.by != GroupBy::device) form["machine"] = origin.machine_id;
  if (options.by == GroupBy::pattern || options.by == GroupBy::model) {
    form["build"] = origin.build_id;
  }
  return form;
}

double full_share(const std::string& pattern) {
  const auto full = static_cast<double>(std::count(pattern.begin(), pattern.end(), 'F'));
  return pattern.empty() ? 0 : full / static_cast<double>(pattern.size());
}

/// A cell of a run with what decides where it belongs.
struct Candidate {
  const CellView* view = nullptr;
  Origin origin;
  GroupName group;
  json form;
};

std::vector<Candidate> candidates_of(const std::vector<RunViews>& runs,
                                     const CompareGroupsOptions& options,
                                     std::vector<Unmatched>& unmatched) {
  std::vector<Candidate> candidates;
  for (const RunViews& run : runs) {
    for (const CellView& view : run.views) {
      std::optional<Origin> origin = origin_of(*run.run, view);
      if (!origin) {
        unmatched.push_back(
            {&view, "run " + run.run->run_id, "its trials are of several machines or builds"});
        continue;
      }
      json form = shared_form(options, *view.planned, view, *origin);
      GroupName group = group_of(options.by, view, *origin);
      candidates.push_back({&view, *std::move(origin), std::move(group), std::move(form)});
    }
  }
  return candidates;
}

/// Positions of the groups by key, and their labels.
std::map<std::string, std::size_t> order_groups(const std::vector<Candidate>& candidates,
                                                GroupBy by, std::vector<std::string>& labels) {
  std::vector<const GroupName*> order;
  std::set<std::string> seen;
  std::map<std::string, int> num_called;
  for (const Candidate& candidate : candidates) {
    if (!seen.insert(candidate.group.key).second) continue;
    order.push_back(&candidate.group);
    ++num_called[candidate.group.label];
  }
  if (by == GroupBy::pattern) {
    std::stable_sort(order.begin(), order.end(), [](const GroupName* a, const GroupName* b) {
      return full_share(a->label) > full_share(b->label);
    });
  }
  std::map<std::string, std::size_t> positions;
  for (const GroupName* group : order) {
    positions[group->key] = labels.size();
    labels.push_back(num_called[group->label] == 1
                         ? group->label
                         : fmt::format("{} ({})", group->label, group->distinction));
  }
  return positions;
}

bool is_newer(const Candidate& a, const Candidate& b) {
  return std::pair(a.origin.run->started_ms, a.origin.run->run_id) >
         std::pair(b.origin.run->started_ms, b.origin.run->run_id);
}

/// In what the form of another group that is nearest differs.
std::string nearest(const Candidate& candidate, const std::vector<Candidate>& others) {
  std::vector<std::string> fewest;
  for (const Candidate& other : others) {
    if (other.group.key == candidate.group.key) continue;
    std::vector<std::string> keys;
    for (const json& difference : json::diff(candidate.form, other.form)) {
      const std::string path = difference.at("path").get<std::string>();
      const std::string key = path.substr(1, path.find('/', 1) - 1);  // a list has one per item
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
    if (!keys.empty() && (fewest.empty() || keys.size() < fewest.size())) fewest = std::move(keys);
  }
  return fewest.empty() ? "" : fmt::format("; the nearest differs in {}", fmt::join(fewest, ", "));
}

/// Of one form: the candidate that stands for each group.
using Chosen = std::map<std::size_t, const Candidate*>;

}  // namespace

Grouping group_cells(const std::vector<RunViews>& runs, const CompareGroupsOptions& options) {
  Grouping grouping;
  const std::vector<Candidate> candidates = candidates_of(runs, options, grouping.unmatched);
  const auto positions = order_groups(candidates, options.by, grouping.groups);
  std::vector<Chosen> forms;
  std::map<std::string, std::size_t> form_positions;
  for (const Candidate& candidate : candidates) {
    const auto [found, added] = form_positions.emplace(dump(candidate.form), forms.size());
    if (added) forms.emplace_back();
    const std::size_t group = positions.at(candidate.group.key);
    const Candidate*& chosen = forms[found->second][group];
    if (chosen != nullptr && chosen->origin.run == candidate.origin.run) {
      grouping.unmatched.push_back({candidate.view, grouping.groups[group],
                                    "another cell of its run differs only in what may differ"});
      continue;
    }
    if (chosen != nullptr && chosen->view->ok && candidate.view->ok) ++grouping.num_older;
    const bool better = chosen == nullptr || candidate.view->ok > chosen->view->ok ||
                        (candidate.view->ok == chosen->view->ok && is_newer(candidate, *chosen));
    if (better) chosen = &candidate;
  }
  const bool explain = candidates.size() <= kMostToExplain;
  for (const Chosen& chosen : forms) {
    std::vector<Member> members;
    for (const auto& [group, candidate] : chosen) {
      if (candidate->view->ok) {
        members.push_back({candidate->view, candidate->origin, group});
      } else {
        grouping.unmatched.push_back(
            {candidate->view, grouping.groups[group], candidate->view->outcome});
      }
    }
    if (members.size() > 1) {
      grouping.sets.push_back(std::move(members));
    } else if (members.size() == 1) {
      std::string reason = "no other group has such a cell";
      if (chosen.size() > 1)
        reason = "no other group has it ok";
      else if (explain)
        reason += nearest(*chosen.begin()->second, candidates);
      grouping.unmatched.push_back(
          {members.front().view, grouping.groups[members.front().group], reason});
    }
  }
  return grouping;
}

}  // namespace dsabench::compare
