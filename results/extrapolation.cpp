#include "results/extrapolation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "results/layer_list.h"

namespace dsabench {
namespace {

using nlohmann::json;

std::string text_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// The length of the sample that stages were timed in by themselves; nothing: in each sample.
std::optional<double> own_stage_sample(const TrialRecord& trial) {
  const json conditions = json::parse(trial.conditions_json, nullptr, false);
  if (!conditions.is_object()) return std::nullopt;
  const auto found = conditions.find(kStageSample);
  if (found == conditions.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<double>();
}

/// What each sample lacks of the whole, by sample.
std::map<std::int64_t, double> missing_times(const std::vector<double>& weights,
                                             const TrialRecord& trial, std::string_view phase) {
  std::map<std::int64_t, double> missing;
  for (const StageTime& time : trial.stage_times) {
    if (time.metric != phase) continue;
    double& sum = missing[time.sample];
    if (time.layer < 0 || time.layer >= std::ssize(weights)) continue;
    sum += (weights[static_cast<std::size_t>(time.layer)] - 1) * double(time.nanoseconds);
  }
  return missing;
}

bool are_samples(const std::map<std::int64_t, double>& by_sample) {
  std::int64_t next = 0;
  return std::all_of(by_sample.begin(), by_sample.end(),
                     [&next](const auto& entry) { return entry.first == next++; });
}

}  // namespace

std::optional<LayerSlice> slice_of(const CellRecord& cell) {
  const json fields = json::parse(cell.canonical_json, nullptr, false);
  if (!fields.is_object()) return std::nullopt;
  LayerSlice slice{text_at(fields, "layers"), cell.pattern, text_at(fields, "whole_pattern"),
                   text_at(fields, "whole_mlp")};
  if (slice.layers.empty()) return std::nullopt;
  return slice;
}

std::string describe(const LayerSlice& slice) {
  return fmt::format("layers {} of {}", slice.layers, slice.num_layers());
}

std::string describe(const LayerKind& kind) {
  const char* indexer = kind.letter == 'F' ? "Full" : "Shared";
  return kind.mlp == 'E' ? fmt::format("{} layers with experts", indexer)
                         : fmt::format("dense {} layers", indexer);
}

std::vector<LayerKind> layer_kinds(const LayerSlice& slice) {
  const auto layers = read_layer_list(slice.layers);
  if (!layers || layers->size() != slice.pattern.size() ||
      slice.whole_mlp.size() != slice.whole_pattern.size()) {
    return {};
  }
  std::vector<LayerKind> kinds;
  std::map<std::pair<char, char>, std::size_t> index_of;
  for (std::size_t layer = 0; layer < slice.whole_pattern.size(); ++layer) {
    const char mlp = slice.whole_mlp[layer], letter = slice.whole_pattern[layer];
    const auto [found, is_new] = index_of.try_emplace({mlp, letter}, kinds.size());
    if (is_new) kinds.push_back({mlp, letter, static_cast<std::int64_t>(layer), 0, {}});
    ++kinds[found->second].in_whole;
  }
  for (std::size_t i = 0; i < layers->size(); ++i) {
    const auto layer = static_cast<std::size_t>(layers->at(i));
    if (i > 0 && layers->at(i) <= layers->at(i - 1)) return {};
    if (layer >= slice.whole_pattern.size() || slice.pattern[i] != slice.whole_pattern[layer]) {
      return {};
    }
    const std::size_t kind = index_of.at({slice.whole_mlp[layer], slice.whole_pattern[layer]});
    kinds[kind].sliced.push_back(static_cast<std::int64_t>(i));
  }
  return kinds;
}

std::vector<double> layer_weights(const LayerSlice& slice) {
  std::vector<double> weights(slice.pattern.size());
  const std::vector<LayerKind> kinds = layer_kinds(slice);
  if (kinds.empty()) return {};
  for (const LayerKind& kind : kinds) {
    if (kind.sliced.empty()) return {};
    for (const std::int64_t layer : kind.sliced) {
      weights[static_cast<std::size_t>(layer)] = double(kind.in_whole) / double(kind.sliced.size());
    }
  }
  return weights;
}

std::vector<std::int64_t> extrapolated_values(const LayerSlice& slice, const TrialRecord& trial,
                                              std::string_view phase) {
  const bool decode = phase == "decode";
  const std::vector<std::int64_t>& measured =
      metric_values(trial, decode ? "decode_step" : "prefill");
  const std::vector<double> weights = layer_weights(slice);
  const std::map<std::int64_t, double> missing = missing_times(weights, trial, phase);
  const auto own = decode ? own_stage_sample(trial) : std::nullopt;
  const std::size_t num_samples = missing.size();
  if (weights.empty() || measured.empty() || num_samples == 0 || !are_samples(missing)) return {};
  if (own ? num_samples != 1 : measured.size() % num_samples != 0) return {};

  std::vector<std::int64_t> values;
  const auto length = static_cast<std::ptrdiff_t>(measured.size() / num_samples);
  for (auto begin = measured.begin(); begin != measured.end(); begin += length) {
    const auto sample = static_cast<std::int64_t>(values.size()) / length;
    const double whole =
        own ? *own : double(std::accumulate(begin, begin + length, std::int64_t{0}));
    if (whole <= 0) return {};
    const double factor = 1 + missing.at(sample) / whole;
    std::transform(begin, begin + length, std::back_inserter(values),
                   [factor](std::int64_t value) { return std::llround(double(value) * factor); });
  }
  return values;
}

}  // namespace dsabench
