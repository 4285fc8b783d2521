#include "results/gate/exactness.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <string_view>
#include <tuple>

namespace dsabench::gate {
namespace {

struct Values {
  std::set<std::int64_t> values;
  std::int64_t num_processes = 0;

  std::string text() const {
    return values.size() == 1 ? fmt::format("{}", *values.begin())
                              : fmt::format("{} to {}", *values.begin(), *values.rbegin());
  }
};

Values values_of(const std::vector<Observation>& side, const std::string& metric) {
  Values result;
  for (const Observation& seen : side) {
    const std::vector<std::int64_t> own = seen.view->pooled(metric);
    result.values.insert(own.begin(), own.end());
    result.num_processes += !own.empty();
  }
  return result;
}

/// Task, item and prompt.
using ItemKey = std::tuple<std::string, std::string, std::string>;
/// Distinct outputs of each item; they point into the records.
using Outputs = std::map<ItemKey, std::set<std::string_view>>;

Outputs outputs_of(const std::vector<Observation>& side) {
  Outputs outputs;
  for (const Observation& seen : side) {
    for (const TrialRecord* trial : seen.view->ok_trials) {
      for (const AnswerRecord& answer : trial->answers) {
        outputs[{answer.task, answer.item_id, answer.prompt_hash}].insert(answer.output);
      }
    }
  }
  return outputs;
}

}  // namespace

Exactness compare_metric(const std::vector<Observation>& base,
                         const std::vector<Observation>& candidate, const std::string& metric) {
  const Values ours = values_of(base, metric), theirs = values_of(candidate, metric);
  Exactness result;
  result.num_base = ours.num_processes;
  result.num_candidate = theirs.num_processes;
  if (ours.values.empty() || theirs.values.empty()) {
    result.equal = false;
    result.reason = ours.values.empty() ? "the base has no value" : "the candidate has no value";
    return result;
  }
  result.base = static_cast<double>(*ours.values.begin());
  result.candidate = static_cast<double>(*theirs.values.rbegin());
  result.base_equal = ours.values.size() == 1;
  result.equal = result.base_equal && ours.values == theirs.values;
  result.reason = result.equal
                      ? "equal in all processes"
                      : fmt::format("{} against {} in the base", theirs.text(), ours.text());
  return result;
}

Exactness compare_outputs(const std::vector<Observation>& base,
                          const std::vector<Observation>& candidate) {
  const Outputs ours = outputs_of(base), theirs = outputs_of(candidate);
  Exactness result;
  result.num_base = std::ssize(ours);
  result.num_candidate = std::ssize(theirs);
  std::int64_t num_equal = 0, num_common = 0;
  std::string first;
  for (const auto& [key, outputs] : ours) {
    result.base_equal &= outputs.size() == 1;
    const auto found = theirs.find(key);
    num_common += found != theirs.end();
    if (outputs.size() == 1 && found != theirs.end() && found->second == outputs) {
      ++num_equal;
    } else if (first.empty()) {
      first = fmt::format("{} {}", std::get<0>(key), std::get<1>(key));
    }
  }
  result.base = static_cast<double>(ours.size());
  result.candidate = static_cast<double>(num_equal);
  result.equal = num_equal == std::ssize(ours) && ours.size() == theirs.size();
  const std::int64_t num_only = std::ssize(theirs) - num_common;
  if (result.equal) {
    result.reason = fmt::format("all {} outputs equal", num_equal);
  } else if (num_equal < std::ssize(ours)) {
    result.reason = fmt::format("outputs of {} of {} items are not those of the base, first {}",
                                std::ssize(ours) - num_equal, ours.size(), first);
  } else {
    result.reason = fmt::format("items that are not in the base: {}", num_only);
  }
  return result;
}

}  // namespace dsabench::gate
