#include "harness/plan/reproduction.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/model/model_preset.h"
#include "harness/plan/value_lists.h"
#include "kernels/base/error.h"
#include "results/identity.h"
#include "results/published/index_cache.h"

namespace dsabench {
namespace {

using nlohmann::json;

/// Uniform, and of the published patterns those whose retention is asked for.
std::vector<AskedText> table1_patterns(const SweepText& asked, const ModelRequest& request) {
  std::vector<AskedText> patterns{{"uniform", "--retention"}};
  const std::vector<PatternChoice> published =
      published_patterns(resolve_whole_config(request).num_layers);
  for (const AskedText& text : asked.retentions) {
    for (const std::string& item : parse_list(text.origin, text.text)) {
      const std::string retention = Retention::parse(item).to_string();
      const bool is_published = std::any_of(
          published.begin(), published.end(),
          [&](const PatternChoice& choice) { return choice.nominal_retention == retention; });
      if (is_published) patterns.push_back({"published-" + retention, text.origin});
    }
  }
  return patterns;
}

/// In the words of who has to choose other contexts.
void check_contexts(const SweepAxes& axes, const ModelConfig& config) {
  for (const std::int64_t context : axes.contexts) {
    if (context + axes.decode_tokens <= config.max_positions) continue;
    throw InvalidArgument(fmt::format(
        "--context: {} + {} decode tokens exceed the {} positions of {}; choose others, for "
        "instance --context 512,1024",
        context, axes.decode_tokens, config.max_positions, config.name));
  }
}

json stored_plan(const RunRecord& run) {
  json plan = json::parse(run.plan_json, nullptr, false);
  return plan.is_object() ? plan : json::object();
}

/// The ordinal of the GPU that a plan names; -1: the CPU.
int gpu_of(const RunRecord& run) {
  const json plan = stored_plan(run);
  const json model = plan.value("model", json::object());
  const Device device = DeviceChoice::parse(model.value("device", std::string("cpu"))).device;
  return device.is_cpu() ? -1 : device.ordinal;
}

bool is_published_model(const RunResults& results) {
  const std::string& preset_name = published::index_cache().setting.preset;
  static const std::string hash = content_hash(to_json(preset_config(preset(preset_name))));
  return std::all_of(results.plan.begin(), results.plan.end(), [&](const PlannedCell& planned) {
    const json cell = json::parse(planned.cell.canonical_json, nullptr, false);
    return cell.is_object() && cell.value("config_hash", std::string()) == hash;
  });
}

}  // namespace

bool is_quality_table(const std::string& table) {
  return table == kTable2 || table == kTable3 || table == kTable5;
}

std::vector<SweepAxes> quality_axes(const SweepText& asked, const std::vector<PatternChoice>& found,
                                    const ModelConfig& config, const ModelRequest& request) {
  SweepText uniform = asked;
  uniform.patterns = {{"uniform", "--retention"}};
  SweepAxes shared = resolve_axes(uniform, config, request);
  shared.patterns.insert(shared.patterns.end(), found.begin(), found.end());
  SweepText dense = asked;
  dense.patterns = uniform.patterns;
  dense.retentions = {{"1", "--retention"}};
  dense.dense_attention = true;
  return {resolve_axes(dense, config, request), std::move(shared)};
}

std::vector<SweepAxes> trained_axes(const SweepText& asked, const std::string& retention,
                                    const char* origin, const ModelConfig& config,
                                    const ModelRequest& request) {
  SweepText own = asked;
  own.patterns = {{"uniform", "--retention"}};
  own.retentions = {{retention, "--retention"}};
  SweepAxes axes = resolve_axes(own, config, request);
  for (PatternChoice& choice : axes.patterns) choice.origin = origin;
  return {std::move(axes)};
}

std::vector<SweepAxes> reproduction_axes(const std::string& table, const SweepText& asked,
                                         const ModelConfig& config, const ModelRequest& request) {
  SweepText single = asked;
  single.suites = {{"speed", ""}};
  single.phases = {{"prefill,decode", ""}};
  single.batches = {{"1", ""}};
  if (table == kProfile) single.retentions = {{"1", ""}};
  single.patterns = table == kTable1 ? table1_patterns(asked, request)
                                     : std::vector<AskedText>{{"uniform", "--retention"}};
  std::vector<SweepAxes> axes{resolve_axes(single, config, request)};
  check_contexts(axes.front(), config);
  if (table == kTable1) {
    SweepText full = single;
    full.phases = {{"decode", ""}};
    full.batches = {{"max", ""}};
    axes.push_back(resolve_axes(full, config, request));
  }
  return axes;
}

std::string reproduced_table(const RunRecord& run) {
  const json plan = stored_plan(run);
  const auto found = plan.find("reproduction");
  return found != plan.end() && found->is_string() ? found->get<std::string>() : "";
}

Table reproduction_table(const std::string& table, std::span<const RunResults> runs) {
  std::vector<ReproductionRun> made;
  for (const RunResults& results : runs) {
    const std::string has = reproduced_table(results.run);
    if (table != kOverlap && table != has && !(table == kProfile && has == kTable1)) {
      throw InvalidArgument(fmt::format(
          "run {} does not reproduce {}: {}", results.run.run_id, table,
          has.empty() ? "it was made by another verb than reproduce" : "it was made for " + has));
    }
    made.push_back({results, gpu_of(results.run), is_published_model(results)});
  }
  if (table == kTable3) return reproduction_of_table3(made);
  if (made.size() != 1) {
    throw InvalidArgument(
        fmt::format("reproduce {}: it is of one run, {} were named", table, made.size()));
  }
  const ReproductionRun& run = made.front();
  if (table == kOverlap) return reproduction_of_overlap(run);
  if (table == kTable2) return reproduction_of_table2(run);
  if (table == kTable5) return reproduction_of_table5(run);
  return table == kTable1 ? reproduction_of_table1(run) : reproduction_of_profile(run);
}

Table reproduction_table(const std::string& table, const RunResults& results) {
  return reproduction_table(table, std::span(&results, 1));
}

}  // namespace dsabench
