#pragma once
/// The search for the layers that must keep their indexer.
///
/// Goals: the methods of the IndexCache paper (arXiv 2603.12201) and what they are measured
/// against, exact and deterministic. Non-goals: policy, models, files. What a pattern costs comes
/// from callbacks.
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "engine/model/layer_pattern.h"

namespace dsabench {

/// The loss of a pattern; lower is better. `given_up`: evaluation stopped because the loss is above
/// the limit that was set; `value` is what it is at least, and also above the limit.
struct PatternLoss {
  double value = 0.0;
  bool given_up = false;
};

/// The losses of patterns, in their order. All that a step of a search wants to know is asked at
/// once, so that what the patterns share is computed once. A pattern whose loss is above `limit`
/// may be given up.
using LossFunction =
    std::function<std::vector<PatternLoss>(std::span<const LayerPattern> patterns, double limit)>;

struct ScoredPattern {
  LayerPattern pattern;
  PatternLoss loss;
};

/// One evaluated pattern of a step: `from` with layer `layer` made Shared.
struct Flip {
  LayerPattern from;
  std::int64_t layer = 0;
  ScoredPattern result;
  bool kept = false;
};

struct SearchStep {
  std::int64_t step = 0;  ///< from 0 on
  std::vector<Flip> flips;
};
/// Called after each step. May throw, which ends the search.
using SearchObserver = std::function<void(const SearchStep&)>;

struct GreedyOptions {
  std::int64_t num_full = 1;  ///< the search ends with so many Full layers
  /// Layers are cut into so many blocks of one length, the first ones longer by one where it does
  /// not divide. The first layer of each stays Full, and each step flips a layer of the next block
  /// that has one left, in turn: the paper's variant for pipeline stages. 1: the whole model.
  std::int64_t num_blocks = 1;
  /// Each step evaluates one flip to its end (the runner-up of the step before among the step's
  /// own, else the last layer) and takes its loss as the others' limit. Changes no choice, but
  /// flips that were given up have no exact loss.
  bool give_up = false;
};
/// Starts from all Full and flips one Full layer to Shared in each step, that of the least loss;
/// among equals the lowest layer. Layer 0 stays Full. Returns the pattern of each step, so that
/// every number of Full layers from num_layers - 1 down to num_full has one. Evaluates, in one
/// block, the sum of f - 1 over num_full < f <= num_layers patterns. Throws InvalidArgument for
/// options out of range, and where a loss is NaN.
std::vector<ScoredPattern> greedy_search(std::int64_t num_layers, const GreedyOptions& options,
                                         const LossFunction& loss,
                                         const SearchObserver& observer = {});

struct BeamOptions {
  std::int64_t num_full = 1;
  std::int64_t width = 1;
};
/// As greedy_search, which it is at width 1, with the `width` best patterns of each number of Full
/// layers kept; among equals those whose lowest layers are Shared first. A pattern that several
/// lead to is evaluated once, as a flip of the best of them. Returns the best of each step.
std::vector<ScoredPattern> beam_search(std::int64_t num_layers, const BeamOptions& options,
                                       const LossFunction& loss,
                                       const SearchObserver& observer = {});

/// LayerPattern::uniform with exactly so many Full layers. Throws InvalidArgument where there are
/// not so many.
LayerPattern uniform_pattern(std::int64_t num_layers, std::int64_t num_full);

/// The pattern with `num_full` Full layers that maximises the sum over Shared layers of the
/// similarity to their source, by dynamic programming; no loss is evaluated.
///   similarity  row-major [layers, layers]: (source, layer) for source < layer; the rest is unread
/// Among equals the one whose lowest layers are Full first. Throws InvalidArgument for sizes that
/// do not fit, and for a similarity that is not finite.
LayerPattern similarity_pattern(std::int64_t num_layers, std::int64_t num_full,
                                std::span<const double> similarity);

struct CostedPattern {
  ScoredPattern scored;
  double latency = 0.0;
};
/// What of the patterns nothing else beats: no other has at most the loss and at most the latency
/// and less of one. By rising latency; of equals in both the first stays. Patterns that were given
/// up are left out. Asks the latency of each of the others once. Throws InvalidArgument where loss
/// or latency is NaN.
std::vector<CostedPattern> pareto_front(std::span<const ScoredPattern> patterns,
                                        const std::function<double(const LayerPattern&)>& latency);

}  // namespace dsabench
