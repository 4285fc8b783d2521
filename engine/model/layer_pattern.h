#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/model/model_config.h"

namespace dsabench {

/// The rule by which one runtime turns a config's keys into F/S letters. They disagree; see
/// layer_pattern.cpp for each rule and docs/METHOD.md for a table.
///   automatic  indexer_types > pattern > freq/offset (HF's formula), for both families; keys that
///              contradict each other are refused. Named "auto" on the command line.
///   paper      --retention 1/n or r: layer l is F iff l*r crosses a whole number
///   hf vllm sglang atom   as those runtimes resolve the same config
enum class Dialect { automatic, paper, hf, vllm, sglang, atom };
const char* dialect_name(Dialect dialect);
Dialect parse_dialect(std::string_view name);  ///< throws InvalidArgument listing the names

/// A retention ratio as asked for: 1, 1/2, 3/8. Reduced; 0 < r <= 1.
struct Retention {
  std::int64_t numerator = 1, denominator = 1;
  static Retention parse(std::string_view text);  ///< "1", "1/4", "0.25"; throws InvalidArgument
  std::string to_string() const;                  ///< "1", "1/4"
  double value() const { return double(numerator) / double(denominator); }
  bool operator==(const Retention&) const = default;
};

/// Which layers run their indexer (Full) and which reuse the indices of the nearest Full layer
/// before them (Shared). Immutable. Layer 0 is always Full.
class LayerPattern {
 public:
  /// From letters, one per layer. Throws InvalidArgument for another alphabet, an empty string, or
  /// a first letter S ("has nothing to reuse").
  static LayerPattern from_letters(std::string_view letters);
  static LayerPattern all_full(std::int64_t num_layers);
  /// Uniform pattern of the paper for a retention ratio.
  static LayerPattern uniform(std::int64_t num_layers, Retention retention);
  /// index_topk_freq / index_skip_topk_offset under a dialect's formula (`paper`: freq n means
  /// 1/n).
  static LayerPattern from_freq(std::int64_t num_layers, std::int64_t freq,
                                std::optional<std::int64_t> skip_offset, Dialect dialect);
  /// What a runtime of this dialect would make of a config. Throws InvalidArgument where the
  /// dialect refuses it: keys that contradict each other (automatic, hf), a pattern shorter than
  /// the model (all but vllm and atom, which run the layers after it as Full).
  static LayerPattern from_config(const ModelConfig& config, Dialect dialect);

  std::int64_t num_layers() const { return static_cast<std::int64_t>(source_.size()); }
  bool is_full(std::int64_t layer) const { return source_layer(layer) == layer; }
  /// The layer whose indices `layer` attends with: itself where it is Full.
  std::int64_t source_layer(std::int64_t layer) const { return source_.at(std::size_t(layer)); }
  std::int64_t num_full() const;
  double realised_retention() const { return double(num_full()) / double(num_layers()); }
  std::string letters() const;
  bool operator==(const LayerPattern&) const = default;

 private:
  explicit LayerPattern(std::vector<std::int64_t> source) : source_(std::move(source)) {}
  std::vector<std::int64_t> source_;
};

}  // namespace dsabench
