// How each runtime turns the keys of a config into Full and Shared layers. With l the layer, n =
// index_topk_freq (absent or null: 1) and o = index_skip_topk_offset:
//
//   paper   arXiv 2603.12201 §3: l % n == 0; o has no meaning. Explicit letters are taken as given.
//   hf      transformers, GlmMoeDsaConfig: indexer_types, else index_topk_pattern, else
//           max(l - o + 1, 0) % n == 0, o = 2 by default. DeepseekV32 has no sharing code there:
//           every layer is Full, whatever the keys say.
//   vllm    vLLM, deepseek_v2.py: index_topk_pattern, layers beyond its end Full, else the formula
//           of hf. indexer_types is not read.
//   sglang  SGLang, deepseek_v2.py: as vllm; without o max(l - 1, 0) % n, which is hf's formula at
//           o = 2. A pattern shorter than the model is indexed out of range.
//   atom    ROCm/ATOM, deepseek_v2.py: indexer_types, else index_topk_pattern, layers beyond its
//   end
//           Full, else max(l - o, 0) % n == 0, o = 1 by default: the same as hf by default and one
//           layer later for the same explicit o.
//   auto    hf's precedence and formula, for both families.
#include <fmt/format.h>

#include <algorithm>

#include "engine/model/layer_pattern.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// Explicit letters of a config, made as long as the model where the dialect does so.
LayerPattern from_pattern_key(const ModelConfig& config, Dialect dialect) {
  std::string letters = *config.pattern_keys.pattern;
  const auto layers = static_cast<std::size_t>(config.num_layers);
  const bool pads = dialect == Dialect::vllm || dialect == Dialect::atom;
  if (letters.size() > layers || (letters.size() < layers && !pads)) {
    throw InvalidArgument(
        fmt::format("{}: index_topk_pattern must have {} letters under dialect {}, got {}",
                    config.name, layers, dialect_name(dialect), letters.size()));
  }
  letters.resize(layers, 'F');
  return LayerPattern::from_letters(letters);
}

LayerPattern from_indexer_types(const ModelConfig& config) {
  const std::string& letters = *config.pattern_keys.indexer_types;
  if (std::int64_t(letters.size()) != config.num_layers) {
    throw InvalidArgument(fmt::format("{}: indexer_types must have {} entries, got {}", config.name,
                                      config.num_layers, letters.size()));
  }
  return LayerPattern::from_letters(letters);
}

LayerPattern from_freq_keys(const ModelConfig& config, Dialect dialect) {
  return LayerPattern::from_freq(config.num_layers, config.pattern_keys.freq.value_or(1),
                                 config.pattern_keys.skip_offset, dialect);
}

LayerPattern by_precedence(const ModelConfig& config, Dialect dialect) {
  const PatternKeys& keys = config.pattern_keys;
  const bool reads_types = dialect != Dialect::vllm && dialect != Dialect::sglang;
  if (reads_types && keys.indexer_types) return from_indexer_types(config);
  if (keys.pattern) return from_pattern_key(config, dialect);
  return from_freq_keys(config, dialect);
}

/// Throws where a key that lost by precedence says something else than the one that won: another
/// runtime would run another model. A frequency of 1 is what saved configs hold by default.
void refuse_contradiction(const ModelConfig& config, Dialect dialect, const LayerPattern& chosen) {
  const PatternKeys& keys = config.pattern_keys;
  const auto compare = [&](const char* key, const LayerPattern& other) {
    if (other == chosen) return;
    throw InvalidArgument(fmt::format(
        "{}: {} contradicts the key that comes before it under dialect {}: {} against {}",
        config.name, key, dialect_name(dialect), other.letters(), chosen.letters()));
  };
  if (keys.pattern) compare("index_topk_pattern", from_pattern_key(config, dialect));
  if (keys.freq.value_or(1) > 1) compare("index_topk_freq", from_freq_keys(config, dialect));
}

}  // namespace

LayerPattern LayerPattern::from_freq(std::int64_t num_layers, std::int64_t freq,
                                     std::optional<std::int64_t> skip_offset, Dialect dialect) {
  if (freq < 1)
    throw InvalidArgument(fmt::format("index_topk_freq must be at least 1, got {}", freq));
  if (skip_offset && *skip_offset < 0) {
    throw InvalidArgument(
        fmt::format("index_skip_topk_offset must be at least 0, got {}", *skip_offset));
  }
  if (dialect == Dialect::paper) return uniform(num_layers, Retention{1, freq});
  const std::int64_t first =
      dialect == Dialect::atom ? skip_offset.value_or(1) : skip_offset.value_or(2) - 1;
  std::string letters;
  for (std::int64_t layer = 0; layer < num_layers; ++layer) {
    letters += std::max<std::int64_t>(layer - first, 0) % freq == 0 ? 'F' : 'S';
  }
  return from_letters(letters);
}

LayerPattern LayerPattern::from_config(const ModelConfig& config, Dialect dialect) {
  if (dialect == Dialect::hf && config.family == ModelFamily::deepseek_v32) {
    return all_full(config.num_layers);
  }
  LayerPattern pattern = by_precedence(config, dialect);
  if (dialect == Dialect::automatic || dialect == Dialect::hf) {
    refuse_contradiction(config, dialect, pattern);
  }
  return pattern;
}

}  // namespace dsabench
