#include "harness/plan/run_plan.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/model/model_preset.h"
#include "harness/plan/value_lists.h"
#include "harness/target/builtin_checkpoints.h"
#include "kernels/base/error.h"
#include "results/identity.h"
#include "results/layer_list.h"

namespace dsabench {
namespace {

using nlohmann::json;

constexpr int kPlanFormat = 1;

json model_to_json(const ModelRequest& request) {
  json overrides = json::array();
  for (const auto& [key, value] : request.overrides) overrides.push_back({key, value});
  json model = {{"name", request.model},
                {"config", request.config_file},
                {"set", overrides},
                {"picks", picks_name(request.picks)},
                {"seed", request.seed}};
  // At their defaults left out: plans were kept before these existed.
  if (!request.layers.empty()) model["layers"] = layer_list_text(request.layers);
  if (!request.device.is_cpu()) model["device"] = request.device_choice().name();
  if (request.dtype != DType::f32) model["dtype"] = dtype_name(request.dtype);
  return model;
}

ModelRequest model_from_json(const json& model) {
  ModelRequest request;
  request.model = model.at("name");
  request.config_file = model.at("config");
  for (const json& pair : model.at("set")) {
    request.overrides.emplace_back(pair.at(0).get<std::string>(), pair.at(1).get<std::string>());
  }
  request.picks = parse_picks(model.at("picks").get<std::string>());
  request.seed = model.at("seed");
  if (model.contains("layers")) {
    request.layers = parse_layers("layers", model.at("layers").get<std::string>());
  }
  if (model.contains("device")) {
    request.choose(DeviceChoice::parse(model.at("device").get<std::string>()));
  }
  request.dtype =
      parse_engine_dtype(model.value("dtype", std::string(dtype_name(DType::f32))), request.device);
  return request;
}

json entry_to_json(const PlanEntry& entry) {
  return {{"cell", json::parse(canonical_json(entry.cell))},
          {"origin", entry.pattern.origin},
          {"retention", entry.pattern.nominal_retention},
          {"dialect", entry.pattern.dialect}};
}

PlanEntry entry_from_json(const json& stored) {
  Cell cell = parse_canonical_cell(stored.at("cell").dump());
  const Suite& suite = find_suite(cell.suite);
  PatternChoice pattern{LayerPattern::from_letters(cell.pattern), stored.at("origin"),
                        stored.at("retention"), stored.at("dialect"), cell.whole_pattern};
  return {std::move(cell), &suite, std::move(pattern), ""};
}

SamplingLimits limits_from_json(const json& stored) {
  SamplingLimits limits;
  limits.noise_target = stored.at("noise");
  limits.min_samples = stored.at("min_samples");
  limits.max_samples = stored.at("max_samples");
  limits.max_seconds = stored.at("max_seconds");
  limits.max_warmups = stored.at("max_warmups");
  return limits;
}

RunPlan read_plan(std::string_view text) {
  const json document = json::parse(text);
  if (document.at("format") != kPlanFormat) {
    throw InvalidArgument(fmt::format("its format is {}, this build knows {}",
                                      document.at("format").dump(), kPlanFormat));
  }
  RunPlan plan;
  plan.model = model_from_json(document.at("model"));
  plan.repeats = document.at("repeat");
  plan.limits = limits_from_json(document.at("limits"));
  plan.reproduction = document.value("reproduction", std::string());
  for (const json& entry : document.at("cells")) {
    plan.sweep.entries.push_back(entry_from_json(entry));
  }
  if (plan_json(plan) != text) {
    throw InvalidArgument("this build does not write it the way it is stored");
  }
  return plan;
}

}  // namespace

void validate(const RunPlan& plan) {
  validate(plan.limits);
  if (plan.repeats < 1) {
    throw InvalidArgument(fmt::format("--repeat: expected at least 1, got {}", plan.repeats));
  }
}

std::string plan_json(const RunPlan& plan) {
  json cells = json::array();
  for (const PlanEntry& entry : plan.sweep.entries) cells.push_back(entry_to_json(entry));
  json document = {{"format", kPlanFormat},
                   {"model", model_to_json(plan.model)},
                   {"repeat", plan.repeats},
                   {"limits", to_json(plan.limits)},
                   {"cells", cells}};
  // Left out where there is none: plans were kept before it existed.
  if (!plan.reproduction.empty()) document["reproduction"] = plan.reproduction;
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

RunPlan parse_plan_json(std::string_view text) try {
  return read_plan(text);
} catch (const json::exception& error) {
  throw InvalidArgument(fmt::format("the stored plan cannot be read: {}", error.what()));
} catch (Error& error) {
  error.add_context("the stored plan cannot be read");
  throw;
}

std::string difference_here(const RunPlan& plan) {
  for (const PlanEntry& entry : plan.sweep.entries) {
    if (entry.suite->version() == entry.cell.suite_version) continue;
    return fmt::format("suite {} is version {} here, {} in the plan", entry.cell.suite,
                       entry.suite->version(), entry.cell.suite_version);
  }
  return {};
}

ModelRequest with_absolute_paths(ModelRequest request) {
  namespace fs = std::filesystem;
  const std::string& name = request.model;
  if (find_preset(name) != nullptr || find_builtin(name) != nullptr) return request;
  request.model = fs::absolute(request.model).lexically_normal().string();
  std::error_code no_path;
  if (!request.config_file.empty() && fs::exists(request.config_file, no_path)) {
    request.config_file = fs::absolute(request.config_file).lexically_normal().string();
  }
  return request;
}

}  // namespace dsabench
