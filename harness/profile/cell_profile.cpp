#include "harness/profile/cell_profile.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <set>

namespace dsabench {
namespace {

std::int64_t now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

/// The text without what stands in brackets, nested ones included.
std::string without_brackets(const std::string& text, char open, char close) {
  std::string kept;
  int depth = 0;
  for (const char c : text) {
    if (c == open) ++depth;
    if (depth == 0) kept += c;
    if (c == close && depth > 0) --depth;
  }
  return kept;
}

}  // namespace

std::string kernel_name(const std::string& compiled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> demangled(
      abi::__cxa_demangle(compiled.c_str(), nullptr, nullptr, &status), std::free);
  if (status != 0 || demangled == nullptr) return compiled;
  std::string name = demangled.get();
  constexpr std::string_view kAnonymous = "(anonymous namespace)::";
  for (std::size_t at; (at = name.find(kAnonymous)) != std::string::npos;) {
    name.erase(at, kAnonymous.size());
  }
  name = without_brackets(without_brackets(name, '<', '>'), '(', ')');
  if (const std::size_t type = name.rfind(' '); type != std::string::npos) name.erase(0, type + 1);
  const std::size_t scope = name.rfind("::");
  if (name.starts_with("dsabench::") && scope != std::string::npos) name.erase(0, scope + 2);
  return name.empty() ? compiled : name;
}

bool is_indexer_stage(Stage stage) {
  return stage == Stage::indexer_proj || stage == Stage::indexer_score || stage == Stage::topk;
}

bool is_indexer_kernel(const std::string& compiled) {
  // Products, rope and the like are every layer's.
  constexpr std::array<std::string_view, 7> kKernels = {
      "append_keys_kernel", "score_kernel",      "few_score_kernel",        "scan_kernel",
      "select_kernel",      "few_select_kernel", "select_candidates_kernel"};
  return std::find(kKernels.begin(), kKernels.end(), kernel_name(compiled)) != kKernels.end();
}

StageActivities activities_by_stage(const ActivityTrace& trace) {
  StageActivities sums;
  std::set<std::int64_t> spans;
  for (const DeviceActivity& activity : trace.activities) {
    const std::optional<StageTag> tag = decode_stage_tag(activity.tag);
    if (!tag) continue;
    StageActivity& sum = sums[{tag->layer, tag->stage}];
    if (activity.kind == DeviceActivity::Kind::kernel) {
      ++sum.launches;
      sum.kernel_ns += activity.end_ns - activity.begin_ns;
      if (spans.insert(tag->span).second) ++sum.calls;
    } else {
      sum.transfer_bytes += activity.bytes;
    }
  }
  return sums;
}

std::vector<KernelUse> kernel_uses(const ActivityTrace& trace) {
  std::map<std::pair<std::string, std::string>, KernelUse> uses;
  std::map<std::string, std::string> names;
  for (const DeviceActivity& activity : trace.activities) {
    const std::optional<StageTag> tag = decode_stage_tag(activity.tag);
    const std::string stage = tag ? stage_name(tag->stage) : "";
    auto name = names.find(activity.name);
    if (name == names.end()) {
      name = names.emplace(activity.name, kernel_name(activity.name)).first;
    }
    const std::int64_t taken = activity.end_ns - activity.begin_ns;
    const auto [found, is_new] = uses.try_emplace({stage, name->second});
    KernelUse& use = found->second;
    if (is_new) use = {stage, name->second, 0, 0, taken, taken};
    ++use.launches;
    use.total_ns += taken;
    use.shortest_ns = std::min(use.shortest_ns, taken);
    use.longest_ns = std::max(use.longest_ns, taken);
  }
  std::vector<KernelUse> sorted;
  for (auto& [key, use] : uses) sorted.push_back(std::move(use));
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const KernelUse& a, const KernelUse& b) { return a.total_ns > b.total_ns; });
  return sorted;
}

std::int64_t busy_nanoseconds(const ActivityTrace& trace) {
  std::int64_t busy = 0, until = 0;
  for (const DeviceActivity& activity : trace.activities) {
    const std::int64_t begin = std::max(activity.begin_ns, until);
    if (activity.end_ns <= begin) continue;
    busy += activity.end_ns - begin;
    until = activity.end_ns;
  }
  return busy;
}

std::vector<std::int64_t> traced_indexer_calls(const ActivityTrace& trace,
                                               std::int64_t num_layers) {
  std::vector<std::int64_t> calls(static_cast<std::size_t>(num_layers));
  for (const auto& [key, activity] : activities_by_stage(trace)) {
    const auto& [layer, stage] = key;
    if (stage != Stage::indexer_score || layer < 0 || layer >= num_layers) continue;
    calls[static_cast<std::size_t>(layer)] += activity.calls;
  }
  return calls;
}

void check_traced_indexers(const CellProfile& profile, const std::string& pattern) {
  if (profile.tracer.empty()) return;
  for (const DeviceActivity& activity : profile.trace.activities) {
    const std::optional<StageTag> tag = decode_stage_tag(activity.tag);
    if (!tag || tag->layer < 0 || activity.kind != DeviceActivity::Kind::kernel) continue;
    if (tag->layer < std::ssize(pattern) && pattern[static_cast<std::size_t>(tag->layer)] == 'F') {
      continue;
    }
    if (!is_indexer_stage(tag->stage) && !is_indexer_kernel(activity.name)) continue;
    throw VerificationError(fmt::format(
        "layer {} (Shared): {} saw a kernel of the indexer, in stage {}: {}", tag->layer,
        profile.tracer, stage_name(tag->stage), kernel_name(activity.name)));
  }
  if (profile.trace.num_dropped > 0) return;
  const std::vector<std::int64_t> calls = traced_indexer_calls(profile.trace, std::ssize(pattern));
  for (std::size_t layer = 0; layer < pattern.size(); ++layer) {
    const std::int64_t counted = profile.indexer_runs.at(layer);
    if (calls[layer] == counted) continue;
    throw VerificationError(
        fmt::format("layer {}: {} saw {} calls of the indexer, which counted {} itself", layer,
                    profile.tracer, calls[layer], counted));
  }
}

ProfileWatch::ProfileWatch(const std::string& pattern, ActivityTracer* tracer)
    : tracer_(tracer), recorder_(pattern, tracer) {}

void ProfileWatch::begin(Engine& engine) {
  recorder_.take();
  profile_ = {};
  engine.observe_stages(&recorder_);
  if (tracer_ != nullptr) tracer_->start();
  profile_.begin_ns = now_ns();
}

void ProfileWatch::end(Engine& engine, std::span<const std::int64_t> values) {
  profile_.end_ns = now_ns();
  engine.observe_stages(nullptr);
  if (tracer_ != nullptr) {
    profile_.trace = tracer_->finish();
    profile_.tracer = tracer_->name();
  }
  profile_.spans = recorder_.take();
  for (std::int64_t layer = -1; layer < engine.config().num_layers; ++layer) {
    auto& row = profile_.stage_ns.emplace_back();
    for (int stage = 0; stage < kNumStages; ++stage) {
      row[static_cast<std::size_t>(stage)] =
          engine.stage_clock().nanoseconds(layer, static_cast<Stage>(stage));
    }
  }
  profile_.values.assign(values.begin(), values.end());
  const std::span<const std::uint64_t> runs = engine.indexer_runs();
  profile_.indexer_runs.assign(runs.begin(), runs.end());
}

}  // namespace dsabench
