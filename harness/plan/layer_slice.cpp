#include "harness/plan/layer_slice.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/base/error.h"
#include "results/layer_list.h"

namespace dsabench {
namespace {

constexpr Retention kQuarter{1, 4};

/// Without a look at its kinds.
LayerSlice slice_under(const ModelConfig& whole, const LayerPattern& whole_pattern,
                       std::span<const std::int64_t> layers) {
  return {layer_list_text(layers), slice_pattern(whole_pattern, layers).letters(),
          whole_pattern.letters(), mlp_letters(whole)};
}

}  // namespace

ModelConfig slice_config(const ModelConfig& whole, std::span<const std::int64_t> layers) {
  ModelConfig slice = whole;
  slice.num_layers = std::ssize(layers);
  slice.is_moe.clear();
  for (const std::int64_t layer : layers) {
    if (layer >= whole.num_layers) {
      throw InvalidArgument(fmt::format("--layers {}: {} has layers 0 to {}, and no layer {}",
                                        layer_list_text(layers), whole.name, whole.num_layers - 1,
                                        layer));
    }
    slice.is_moe.push_back(whole.is_moe[static_cast<std::size_t>(layer)]);
  }
  slice.pattern_keys = {};
  validate(slice);
  return slice;
}

LayerPattern slice_pattern(const LayerPattern& whole, std::span<const std::int64_t> layers) {
  std::string letters;
  for (const std::int64_t layer : layers) letters += whole.is_full(layer) ? 'F' : 'S';
  return LayerPattern::from_letters(letters);
}

std::string mlp_letters(const ModelConfig& config) {
  std::string letters;
  for (const bool moe : config.is_moe) letters += moe ? 'E' : 'D';
  return letters;
}

LayerSlice make_slice(const ModelConfig& whole, const LayerPattern& whole_pattern,
                      std::span<const std::int64_t> layers, const std::string& asked) {
  LayerSlice slice = slice_under(whole, whole_pattern, layers);
  for (const LayerKind& kind : layer_kinds(slice)) {
    if (!kind.sliced.empty()) continue;
    throw InvalidArgument(
        fmt::format("--layers {}: with {} the model has {}, for instance layer {}, and the slice "
                    "has none",
                    slice.layers, asked, describe(kind), kind.first));
  }
  return slice;
}

std::vector<std::int64_t> slice_that_fits(const ModelConfig& whole,
                                          std::int64_t bytes_per_parameter,
                                          std::int64_t free_bytes) {
  const LayerPattern quarter = LayerPattern::uniform(whole.num_layers, kQuarter);
  std::vector<std::int64_t> layers = {0};
  for (const LayerKind& kind : layer_kinds(slice_under(whole, quarter, layers))) {
    if (kind.first != 0) layers.push_back(kind.first);
  }
  const auto fits = [&] {
    return slice_config(whole, layers).num_parameters() <= free_bytes / bytes_per_parameter;
  };
  if (!fits()) return {};
  for (std::int64_t layer = 1; layer < whole.num_layers; ++layer) {
    const auto at = std::lower_bound(layers.begin(), layers.end(), layer);
    if (at != layers.end() && *at == layer) continue;
    const auto added = layers.insert(at, layer);
    if (fits()) continue;
    layers.erase(added);
    break;
  }
  return layers;
}

}  // namespace dsabench
