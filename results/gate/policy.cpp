#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>

#include "kernels/base/error.h"
#include "results/gate.h"
#include "results/located_json.h"

namespace dsabench {
namespace {

using nlohmann::json;

/// An object of the policy, read key by key. Keys that are not there leave their values as they
/// are.
class Section {
 public:
  Section(const LocatedJson& document, std::string pointer,
          std::initializer_list<const char*> known)
      : document_(document),
        pointer_(std::move(pointer)),
        object_(document_.root().at(json::json_pointer(pointer_))) {
    if (!object_.is_object()) fail("", "an object", object_);
    for (const auto& [key, value] : object_.items()) {
      const auto same = [&key = key](const char* name) { return key == name; };
      if (std::any_of(known.begin(), known.end(), same)) continue;
      throw InvalidArgument(fmt::format(
          "{}: unknown key; there are: {}", document_.where(pointer_ + pointer_step(key)),
          fmt::join(std::vector<std::string>(known.begin(), known.end()), ", ")));
    }
  }

  bool has(const char* key) const { return object_.contains(key); }
  const json& at(const char* key) const { return object_.at(key); }
  std::string pointer_of(const std::string& key) const { return pointer_ + pointer_step(key); }

  void number(const char* key, const char* expected, bool (*fits)(double), double& value) const {
    if (!has(key)) return;
    if (!at(key).is_number() || !fits(at(key).get<double>())) fail(key, expected, at(key));
    value = at(key).get<double>();
  }
  void flag(const char* key, bool& value) const {
    if (!has(key)) return;
    if (!at(key).is_boolean()) fail(key, "true or false", at(key));
    value = at(key).get<bool>();
  }
  void seed(const char* key, std::uint64_t& value) const {
    if (!has(key)) return;
    if (!at(key).is_number_unsigned()) fail(key, "a whole number from 0", at(key));
    value = at(key).get<std::uint64_t>();
  }
  std::string text(const char* key) const {
    if (!has(key)) {
      throw InvalidArgument(
          fmt::format("{}: the key \"{}\" is missing", document_.where(pointer_), key));
    }
    if (!at(key).is_string() || at(key).get_ref<const std::string&>().empty()) {
      fail(key, "a text", at(key));
    }
    return at(key).get<std::string>();
  }
  /// At the section itself where `key` is empty.
  [[noreturn]] void fail(const std::string& key, const std::string& expected,
                         const json& given) const {
    const std::string place = key.empty() ? pointer_ : pointer_of(key);
    throw InvalidArgument(fmt::format("{}: expected {}, got {}", document_.where(place), expected,
                                      LocatedJson::excerpt(given)));
  }

 private:
  const LocatedJson& document_;
  std::string pointer_;
  const json& object_;
};

MetricKind read_kind(const Section& section) {
  const std::string kind = section.text("kind");
  if (kind == "time") return MetricKind::time;
  if (kind == "exact") return MetricKind::exact;
  if (kind == "quality") return MetricKind::quality;
  section.fail("kind", "time, exact or quality", section.at("kind"));
}

/// The names that stand for more than a metric are of one kind each.
void check_name(const Section& section, const GatedMetric& metric) {
  const bool exact = metric.metric == "exact" || metric.metric == "tokens";
  if (exact && metric.kind != MetricKind::exact) {
    section.fail("kind", fmt::format("exact, which {} is", metric.metric), section.at("kind"));
  }
  if ((metric.metric == "score") != (metric.kind == MetricKind::quality)) {
    section.fail("kind", "quality for score, and for nothing else", section.at("kind"));
  }
}

void read_where(const LocatedJson& document, const Section& section, GatedMetric& metric) {
  if (!section.has("where")) return;
  const json& where = section.at("where");
  if (!where.is_object() || where.empty()) {
    section.fail("where", "an object of fields and values", where);
  }
  for (const auto& [key, value] : where.items()) {
    if (!value.is_string() && !value.is_number() && !value.is_boolean()) {
      throw InvalidArgument(
          fmt::format("{}: expected a text, a number, true or false, got {}",
                      document.where(section.pointer_of("where") + pointer_step(key)),
                      LocatedJson::excerpt(value)));
    }
    metric.where.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
  }
}

GatedMetric read_metric(const LocatedJson& document, const std::string& pointer) {
  const Section section(document, pointer, {"metric", "kind", "margin", "where", "required"});
  GatedMetric metric;
  metric.metric = section.text("metric");
  metric.kind = read_kind(section);
  check_name(section, metric);
  const bool has_margin = section.has("margin");
  switch (metric.kind) {
    case MetricKind::time:
      section.number(
          "margin", "a fraction from 0 to 1, such as 0.02 for 2 %",
          [](double value) { return value >= 0 && value <= 1; }, metric.margin);
      break;
    case MetricKind::quality:
      section.number(
          "margin", "points of 100, from 0 to 100",
          [](double value) { return value >= 0 && value <= 100; }, metric.margin);
      break;
    case MetricKind::exact:
      if (has_margin) section.fail("margin", "no margin: it is exact", section.at("margin"));
      break;
  }
  if (!has_margin && metric.kind != MetricKind::exact) section.text("margin");  // it is missing
  read_where(document, section, metric);
  section.flag("required", metric.required);
  return metric;
}

GatePolicy read_policy(const LocatedJson& document) {
  const Section top(
      document, "",
      {"metrics", "alpha", "confidence", "noise_factor", "require_calibration", "seed"});
  GatePolicy policy;
  const auto inside = [](double value) { return value > 0 && value < 1; };
  top.number(
      "alpha", "a number between 0 and 0.5", [](double value) { return value > 0 && value < 0.5; },
      policy.alpha);
  top.number("confidence", "a number between 0 and 1", inside, policy.confidence);
  top.number(
      "noise_factor", "a number from 0 to 100",
      [](double value) { return value >= 0 && value <= 100; }, policy.noise_factor);
  top.flag("require_calibration", policy.require_calibration);
  top.seed("seed", policy.seed);
  if (!top.has("metrics")) {
    throw InvalidArgument(fmt::format("{}: the key \"metrics\" is missing", document.where("")));
  }
  const json& metrics = top.at("metrics");
  constexpr std::size_t kMostMetrics = 1000;
  if (!metrics.is_array() || metrics.empty() || metrics.size() > kMostMetrics) {
    top.fail("metrics", "a list of 1 to 1000 metrics", metrics);
  }
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    policy.metrics.push_back(read_metric(document, fmt::format("/metrics/{}", i)));
  }
  return policy;
}

}  // namespace

GatePolicy default_gate_policy() {
  constexpr double kTimeMargin = 0.02, kScoreMargin = 1;
  GatePolicy policy;
  policy.metrics = {{"prefill", MetricKind::time, kTimeMargin, {}, false},
                    {"decode_step", MetricKind::time, kTimeMargin, {}, false},
                    {"exact", MetricKind::exact, 0, {}, false},
                    {"tokens", MetricKind::exact, 0, {}, false},
                    {"score", MetricKind::quality, kScoreMargin, {}, false}};
  return policy;
}

GatePolicy parse_gate_policy(const std::string& text, const std::string& source) {
  return read_policy(LocatedJson(source, text));
}

}  // namespace dsabench
