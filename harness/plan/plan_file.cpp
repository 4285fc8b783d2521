#include "harness/plan/plan_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>

#include "engine/model/strict_json.h"
#include "harness/plan/sweep_text.h"
#include "kernels/base/error.h"
#include "results/located_json.h"

namespace dsabench {
namespace {

using nlohmann::json;

constexpr std::int64_t kMaxPlanBytes = std::int64_t{16} << 20;

/// An object of the file, read key by key.
class Section {
 public:
  Section(const LocatedJson& document, std::string pointer,
          std::initializer_list<const char*> known)
      : document_(document), pointer_(std::move(pointer)), object_(value_at(pointer_)) {
    if (!object_.is_object()) fail(pointer_, "an object", object_);
    for (const auto& [key, value] : object_.items()) {
      const auto same = [&key = key](const char* name) { return key == name; };
      if (std::any_of(known.begin(), known.end(), same)) continue;
      throw InvalidArgument(fmt::format(
          "{}: unknown key; there are: {}", document_.where(pointer_ + pointer_step(key)),
          fmt::join(std::vector<std::string>(known.begin(), known.end()), ", ")));
    }
  }

  std::string origin() const { return document_.where(pointer_); }
  bool has(const char* key) const { return object_.contains(key); }
  std::string pointer_of(const std::string& key) const { return pointer_ + pointer_step(key); }
  const json& object() const { return object_; }

  /// Leaves `value` as it is where the key is not there.
  void text(const char* key, std::string& value) const {
    if (has(key)) value = scalar(pointer_of(key)).text;
  }
  void asked(const char* key, AskedText& value) const {
    if (has(key)) value = scalar(pointer_of(key));
  }
  void list(const char* key, std::vector<AskedText>& values) const {
    if (!has(key)) return;
    values.clear();
    const json& given = object_.at(key);
    if (!given.is_array()) {
      values.push_back(scalar(pointer_of(key)));
      return;
    }
    if (given.empty()) fail(pointer_of(key), "a value, or a list that is not empty", given);
    check_length(key, given);
    for (std::size_t i = 0; i < given.size(); ++i) {
      values.push_back(scalar(fmt::format("{}/{}", pointer_of(key), i)));
    }
  }
  void flag(const char* key, bool& value) const {
    if (!has(key)) return;
    if (!object_.at(key).is_boolean()) fail(pointer_of(key), "true or false", object_.at(key));
    value = object_.at(key);
  }
  template <class Number>
  void number(const char* key, Number& value) const {
    if (!has(key)) return;
    const json& given = object_.at(key);
    if constexpr (std::is_floating_point_v<Number>) {
      if (!given.is_number()) fail(pointer_of(key), "a number", given);
    } else if constexpr (std::is_unsigned_v<Number>) {
      if (!given.is_number_unsigned()) fail(pointer_of(key), "a whole number from 0", given);
    } else if (!given.is_number_integer() ||
               (given.is_number_unsigned() && given.get<std::uint64_t>() > kMaxWhole)) {
      fail(pointer_of(key), "a whole number", given);
    }
    value = given.get<Number>();
  }
  AskedText scalar(const std::string& pointer) const {
    const json& given = value_at(pointer);
    const std::string origin = document_.where(pointer);
    if (given.is_string()) return {given.get<std::string>(), origin};
    if (given.is_number()) return {given.dump(), origin};
    fail(pointer, "a text or a number", given);
  }

  /// Of a list each of whose elements makes a point at least.
  void check_length(const char* key, const json& list) const {
    if (std::int64_t(list.size()) <= kMaxPlanPoints) return;
    throw InvalidArgument(fmt::format("{}: a plan has at most {} points, the list has {} elements",
                                      document_.where(pointer_of(key)), kMaxPlanPoints,
                                      list.size()));
  }
  [[noreturn]] void fail(const std::string& pointer, const char* expected,
                         const json& given) const {
    throw InvalidArgument(fmt::format("{}: expected {}, got {}", document_.where(pointer), expected,
                                      json_excerpt(given)));
  }

 private:
  static constexpr std::uint64_t kMaxWhole = std::numeric_limits<std::int64_t>::max();

  const json& value_at(const std::string& pointer) const {
    return document_.root().at(json::json_pointer(pointer));
  }

  const LocatedJson& document_;
  std::string pointer_;
  const json& object_;
};

/// Runs `check` with errors that begin with the place.
template <class Check>
auto at_place(const std::string& place, Check&& check) {
  try {
    return check();
  } catch (Error& error) {
    error.add_context(place);
    throw;
  }
}

std::vector<std::int64_t> read_layers(const LocatedJson& document, const Section& top,
                                      const ModelRequest& request) {
  std::vector<AskedText> items;
  top.list("layers", items);
  std::string text;
  for (const AskedText& item : items) text += (text.empty() ? "" : ",") + item.text;
  return at_place(document.where("/layers"),
                  [&] { return choose_layers(request, "layers", text); });
}

ModelRequest read_model(const LocatedJson& document, const Section& top) {
  ModelRequest request;
  if (!top.has("model")) {
    throw InvalidArgument(fmt::format("{}: the key \"model\" is missing", top.origin()));
  }
  top.text("model", request.model);
  top.text("config", request.config_file);
  top.number("seed", request.seed);
  if (top.has("picks")) {
    const AskedText picks = top.scalar(top.pointer_of("picks"));
    request.picks = at_place(picks.origin, [&] { return parse_picks(picks.text); });
  }
  if (top.has("device")) {
    const AskedText device = top.scalar(top.pointer_of("device"));
    request.choose(at_place(device.origin, [&] { return DeviceChoice::parse(device.text); }));
  }
  AskedText dtype;
  if (top.has("dtype")) dtype = top.scalar(top.pointer_of("dtype"));
  request.dtype = at_place(dtype.origin.empty() ? top.origin() : dtype.origin,
                           [&] { return parse_engine_dtype(dtype.text, request.device); });
  if (top.has("set")) {
    const json& set = top.object().at("set");
    if (!set.is_object()) top.fail("/set", "an object of config keys and values", set);
    for (const auto& [key, value] : set.items()) {
      request.overrides.emplace_back(key,
                                     value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  at_place(document.where("/model"), [&] { return has_generated_weights(request); });
  at_place(document.where(top.has("set") ? "/set" : "/model"),
           [&] { return resolve_model_config(request); });
  if (top.has("layers")) request.layers = read_layers(document, top, request);
  return request;
}

SamplingLimits read_limits(const LocatedJson& document) {
  SamplingLimits limits;
  const Section section(document, "/limits",
                        {"noise", "min_samples", "max_samples", "max_seconds", "max_warmups"});
  section.number("noise", limits.noise_target);
  section.number("min_samples", limits.min_samples);
  section.number("max_samples", limits.max_samples);
  section.number("max_seconds", limits.max_seconds);
  section.number("max_warmups", limits.max_warmups);
  at_place(section.origin(), [&] { validate(limits); });
  return limits;
}

SweepText read_sweep(const Section& section, const std::optional<AskedText>& dialect) {
  SweepText sweep;
  sweep.origin = section.origin();
  section.list("suite", sweep.suites);
  section.list("tasks", sweep.tasks);
  section.list("context", sweep.contexts);
  section.list("retention", sweep.retentions);
  section.list("pattern", sweep.patterns);
  section.list("phase", sweep.phases);
  section.list("batch", sweep.batches);
  section.list("indexer_mode", sweep.indexer_modes);
  section.list("cache_format", sweep.cache_formats);
  section.flag("dense_attention", sweep.dense_attention);
  section.asked("chunk", sweep.chunk);
  section.asked("decode_tokens", sweep.decode_tokens);
  section.asked("samples_per_task", sweep.samples_per_task);
  sweep.dialect = dialect;
  if (section.has("dialect")) sweep.dialect = section.scalar(section.pointer_of("dialect"));
  return sweep;
}

std::vector<SweepAxes> read_sweeps(const LocatedJson& document, const Section& top,
                                   const ModelConfig& config, const ModelRequest& request) {
  if (!top.has("sweeps")) {
    throw InvalidArgument(fmt::format("{}: the key \"sweeps\" is missing", top.origin()));
  }
  const json& sweeps = top.object().at("sweeps");
  if (!sweeps.is_array() || sweeps.empty()) top.fail("/sweeps", "a list of sweeps", sweeps);
  top.check_length("sweeps", sweeps);
  std::optional<AskedText> dialect;
  if (top.has("dialect")) dialect = top.scalar("/dialect");
  std::vector<SweepAxes> axes;
  PlanSize size;
  for (std::size_t i = 0; i < sweeps.size(); ++i) {
    const Section section(document, fmt::format("/sweeps/{}", i),
                          {"suite", "tasks", "context", "retention", "pattern", "phase", "batch",
                           "indexer_mode", "cache_format", "dense_attention", "chunk",
                           "decode_tokens", "samples_per_task", "dialect"});
    axes.push_back(resolve_axes(read_sweep(section, dialect), config, request));
    at_place(section.origin(), [&] { size.add(axes.back()); });
  }
  return axes;
}

}  // namespace

RunPlan parse_plan_file(const std::string& file, std::string_view text) {
  const LocatedJson document(file, text);
  const Section top(document, "",
                    {"model", "config", "set", "layers", "picks", "seed", "device", "dtype",
                     "dialect", "sweeps", "repeat", "limits"});
  RunPlan plan;
  plan.model = read_model(document, top);
  if (top.has("repeat")) {
    top.number("repeat", plan.repeats);
    at_place(document.where("/repeat"), [&] { validate(plan); });
  }
  if (top.has("limits")) plan.limits = read_limits(document);
  const ModelConfig config = resolve_model_config(plan.model);
  plan.sweep = make_sweep_plan(config, read_sweeps(document, top, config, plan.model));
  return plan;
}

RunPlan load_plan_file(const std::string& file) {
  return parse_plan_file(file, read_text_file(file, kMaxPlanBytes));
}

}  // namespace dsabench
