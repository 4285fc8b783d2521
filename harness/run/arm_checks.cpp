/// What must hold of two arms before their times are held against each other.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/run/arm_runner.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

using Json = nlohmann::json;

Json object_of(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_object() ? json : Json::object();
}

/// Keys that are not on both sides with one value.
std::set<std::string> differing_fields(const Json& a, const Json& b) {
  std::set<std::string> keys;
  for (const auto& [from, to] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    for (const auto& [key, value] : from->items()) {
      if (!to->contains(key) || to->at(key) != value) keys.insert(key);
    }
  }
  return keys;
}

std::string device_of(const RunRecord& run) {
  const Json plan = object_of(run.plan_json);
  const auto model = plan.find("model");
  if (model == plan.end() || !model->is_object()) return "cpu";
  const auto device = model->find("device");
  return device != model->end() && device->is_string() ? device->get<std::string>() : "cpu";
}

/// Every value that a key has over the cells; cells without it have null.
std::map<std::string, std::multiset<std::string>> values_by_key(const std::vector<Json>& cells,
                                                                const std::set<std::string>& keys) {
  std::map<std::string, std::multiset<std::string>> values;
  for (const std::string& key : keys) {
    std::multiset<std::string>& seen = values[key];  // there without cells too
    for (const Json& cell : cells) {
      seen.insert(cell.contains(key) ? cell.at(key).dump() : "null");
    }
  }
  return values;
}

std::vector<Json> forms_of(const std::vector<PlannedCell>& plan, std::set<std::string>& keys) {
  std::vector<Json> forms;
  for (const PlannedCell& planned : plan) {
    forms.push_back(object_of(planned.cell.canonical_json));
    for (const auto& [key, value] : forms.back().items()) keys.insert(key);
  }
  return forms;
}

std::multiset<std::string> without(const std::vector<Json>& forms,
                                   const std::vector<std::string>& keys) {
  std::multiset<std::string> texts;
  for (Json form : forms) {
    for (const std::string& key : keys) form.erase(key);
    texts.insert(form.dump());
  }
  return texts;
}

}  // namespace

void check_comparable(const RunRecord& base, const RunRecord& candidate) {
  if (base.machine_id != candidate.machine_id) {
    const std::set<std::string> fields =
        differing_fields(object_of(base.machine_json), object_of(candidate.machine_json));
    throw InvalidArgument(
        fmt::format("the arms were measured on different machines, {} and {}: they differ in {}",
                    base.machine_id, candidate.machine_id, fmt::join(fields, ", ")));
  }
  const std::string device = device_of(base), other = device_of(candidate);
  if (device != other) {
    throw InvalidArgument(fmt::format(
        "the arms run on different devices, {} and {}: no verdict holds across hardware", device,
        other));
  }
  if (device.ends_with(":all")) {
    throw InvalidArgument(fmt::format(
        "--device {}: arms run on one device, one process at a time; name one GPU", device));
  }
}

std::vector<std::string> differing_keys(const std::vector<PlannedCell>& base,
                                        const std::vector<PlannedCell>& candidate) {
  std::set<std::string> all_keys;
  const std::vector<Json> ours = forms_of(base, all_keys), theirs = forms_of(candidate, all_keys);
  const auto our_values = values_by_key(ours, all_keys),
             their_values = values_by_key(theirs, all_keys);
  std::vector<std::string> keys;
  for (const std::string& key : all_keys) {
    if (our_values.at(key) != their_values.at(key)) keys.push_back(key);
  }
  const std::multiset<std::string> our_rest = without(ours, keys),
                                   their_rest = without(theirs, keys);
  const bool unique = std::set<std::string>(our_rest.begin(), our_rest.end()).size() == ours.size();
  if (keys.empty() && our_rest == their_rest) return {};
  if (our_rest != their_rest || !unique) {
    throw InvalidArgument(fmt::format(
        "the arms' cells do not pair one to one: {} of the base, {} of the candidate, which differ "
        "in {}; give each arm one value of what differs",
        ours.size(), theirs.size(),
        keys.empty() ? "how they are combined" : fmt::format("{}", fmt::join(keys, ", "))));
  }
  return keys;
}

}  // namespace dsabench
