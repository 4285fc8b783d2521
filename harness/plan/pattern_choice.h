#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/model/layer_pattern.h"

namespace dsabench {

/// Origins of patterns that a search found.
inline constexpr const char* kSearchedOrigin = "searched";
inline constexpr const char* kSimilarityOrigin = "similarity";
/// Uniform, of a model that was trained for it; and of one trained for as long, but not for it.
inline constexpr const char* kTrainedOrigin = "trained";
inline constexpr const char* kControlOrigin = "control";

/// A pattern and how it was asked for, which is no part of what it is.
struct PatternChoice {
  LayerPattern pattern;
  std::string origin;              ///< uniform, given, checkpoint, published, searched, similarity
  std::string nominal_retention;   ///< "1/4"; empty where no retention was asked for
  std::string dialect;             ///< the rule that made it; empty for letters
  std::string whole_letters = {};  ///< of all layers, where `pattern` is a slice's; else empty
};

/// "retention 1/4", "searched pattern 1/4", "pattern FSSF": how notices and errors name it.
std::string asked_as(const PatternChoice& choice);

/// The pattern of a retention under a dialect: `paper` takes any ratio; the others know
/// index_topk_freq alone, and so 1/n. Throws InvalidArgument.
LayerPattern pattern_of_retention(std::int64_t num_layers, Retention retention, Dialect dialect);

/// The patterns that the IndexCache paper found for models of so many layers; may be none.
std::vector<PatternChoice> published_patterns(std::int64_t num_layers);

/// Letters of a plan's patterns, each pattern as often as a point has it. Names of tasks count too.
inline constexpr std::int64_t kMaxPlanLetters = std::int64_t{1} << 22;

/// Turns what --pattern and --retention ask for into patterns, in order. `patterns` holds
/// "uniform" (one for each retention), "checkpoint" (what the config says), "published" (all that
/// the IndexCache paper found for as many layers), "published-1/4" (the one for that retention) and
/// F/S letters; empty: uniform where there are retentions, else checkpoint. `dialect` unset: paper
/// for retentions, auto for the checkpoint. Throws InvalidArgument for a name that is none of
/// these, letters of another length than the model, a number of layers or a retention without
/// published patterns, `uniform` without retentions, retentions without `uniform`, and beyond
/// kMaxPlanLetters.
std::vector<PatternChoice> choose_patterns(const ModelConfig& config,
                                           const std::vector<std::string>& patterns,
                                           const std::vector<Retention>& retentions,
                                           std::optional<Dialect> dialect);

}  // namespace dsabench
