#include "engine/search/pattern_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

void check_num_full(std::int64_t num_layers, std::int64_t least, std::int64_t num_full) {
  if (num_layers < 1 || num_full < least || num_full > num_layers) {
    throw InvalidArgument(fmt::format("search: {} Full layers of {}, must be {} to {}", num_full,
                                      num_layers, least, std::max(least, num_layers)));
  }
}

LayerPattern flipped(const LayerPattern& pattern, std::int64_t layer) {
  std::string letters = pattern.letters();
  letters[std::size_t(layer)] = 'S';
  return LayerPattern::from_letters(letters);
}

std::vector<PatternLoss> losses_of(const LossFunction& loss, std::span<const LayerPattern> patterns,
                                   double limit) {
  if (patterns.empty()) return {};
  std::vector<PatternLoss> losses = loss(patterns, limit);
  if (losses.size() != patterns.size()) {
    throw InvalidArgument(
        fmt::format("search: {} losses of {} patterns", losses.size(), patterns.size()));
  }
  for (std::size_t i = 0; i < losses.size(); ++i) {
    if (std::isnan(losses[i].value)) {
      throw InvalidArgument(
          fmt::format("search: the loss of pattern {} is not a number", patterns[i].letters()));
    }
  }
  return losses;
}

/// Evaluates a step's flips, all at once.
void evaluate(const LossFunction& loss, std::span<Flip> flips, double limit) {
  std::vector<LayerPattern> patterns;
  for (const Flip& flip : flips) patterns.push_back(flip.result.pattern);
  const std::vector<PatternLoss> losses = losses_of(loss, patterns, limit);
  for (std::size_t i = 0; i < flips.size(); ++i) flips[i].result.loss = losses[i];
}

/// Whether one of two patterns of a step is better than the other, whose losses are not both given
/// up. 'F' sorts before 'S', so that among equals the greater letters have the lower Shared layers.
bool is_better(const ScoredPattern& a, const ScoredPattern& b) {
  if (a.loss.given_up != b.loss.given_up) return b.loss.given_up;
  if (a.loss.value != b.loss.value) return a.loss.value < b.loss.value;
  return a.pattern.letters() > b.pattern.letters();
}

/// The layers of block `block`, [first, second).
std::pair<std::int64_t, std::int64_t> block_layers(std::int64_t num_layers, std::int64_t num_blocks,
                                                   std::int64_t block) {
  const std::int64_t length = num_layers / num_blocks, longer = num_layers % num_blocks;
  const std::int64_t begin = block * length + std::min(block, longer);
  return {begin, begin + length + (block < longer ? 1 : 0)};
}

/// The flips of a block's layers but its first.
std::vector<Flip> flips_of(const LayerPattern& from, std::pair<std::int64_t, std::int64_t> block) {
  std::vector<Flip> flips;
  for (std::int64_t layer = block.first + 1; layer < block.second; ++layer) {
    if (from.is_full(layer)) flips.push_back({from, layer, {flipped(from, layer), {}}, false});
  }
  return flips;
}

/// Evaluates one flip to its end, then the others with its loss as their limit.
void evaluate_with_limit(const LossFunction& loss, std::span<Flip> flips,
                         std::optional<std::int64_t> promising) {
  auto probe = std::find_if(flips.begin(), flips.end(),
                            [&](const Flip& flip) { return flip.layer == promising; });
  if (probe == flips.end()) --probe;
  evaluate(loss, {&*probe, 1}, kNoLimit);
  const double limit = probe->result.loss.value;
  const auto place = std::size_t(probe - flips.begin());
  std::vector<Flip> others(flips.begin(), flips.end());
  others.erase(others.begin() + std::ptrdiff_t(place));
  evaluate(loss, others, limit);
  for (std::size_t i = 0; i < others.size(); ++i) {
    flips[i < place ? i : i + 1].result.loss = others[i].result.loss;
  }
}

/// The layer of the second-best flip; empty where there is none.
std::optional<std::int64_t> runner_up(std::vector<Flip> flips) {
  if (flips.size() < 2) return std::nullopt;
  std::nth_element(flips.begin(), flips.begin() + 1, flips.end(),
                   [](const Flip& a, const Flip& b) { return is_better(a.result, b.result); });
  return flips[1].layer;
}

void check_greedy(std::int64_t num_layers, const GreedyOptions& options) {
  if (options.num_blocks < 1 || options.num_blocks > num_layers) {
    throw InvalidArgument(fmt::format("search: {} blocks of {} layers, must be 1 to {}",
                                      options.num_blocks, num_layers,
                                      std::max<std::int64_t>(1, num_layers)));
  }
  check_num_full(num_layers, options.num_blocks, options.num_full);
}

}  // namespace

std::vector<ScoredPattern> greedy_search(std::int64_t num_layers, const GreedyOptions& options,
                                         const LossFunction& loss, const SearchObserver& observer) {
  check_greedy(num_layers, options);
  LayerPattern current = LayerPattern::all_full(num_layers);
  std::vector<ScoredPattern> path;
  std::vector<std::optional<std::int64_t>> promising(std::size_t(options.num_blocks));
  for (std::int64_t block = 0; current.num_full() > options.num_full;
       block = (block + 1) % options.num_blocks) {
    SearchStep step{std::ssize(path),
                    flips_of(current, block_layers(num_layers, options.num_blocks, block))};
    if (step.flips.empty()) continue;
    std::optional<std::int64_t>& probe = promising[std::size_t(block)];
    if (options.give_up) {
      evaluate_with_limit(loss, step.flips, probe);
    } else {
      evaluate(loss, step.flips, kNoLimit);
    }
    Flip& best = *std::min_element(
        step.flips.begin(), step.flips.end(),
        [](const Flip& a, const Flip& b) { return is_better(a.result, b.result); });
    best.kept = true;
    current = best.result.pattern;
    path.push_back(best.result);
    probe = runner_up(step.flips);
    if (observer) observer(step);
  }
  return path;
}

std::vector<ScoredPattern> beam_search(std::int64_t num_layers, const BeamOptions& options,
                                       const LossFunction& loss, const SearchObserver& observer) {
  check_num_full(num_layers, 1, options.num_full);
  if (options.width < 1) {
    throw InvalidArgument(
        fmt::format("search: a beam of width {}, must be at least 1", options.width));
  }
  std::vector<LayerPattern> beam{LayerPattern::all_full(num_layers)};
  std::vector<ScoredPattern> path;
  while (beam.front().num_full() > options.num_full) {
    SearchStep step{std::ssize(path), {}};
    std::set<std::string> seen;
    for (const LayerPattern& from : beam) {
      for (Flip& flip : flips_of(from, {0, num_layers})) {
        if (seen.insert(flip.result.pattern.letters()).second) step.flips.push_back(flip);
      }
    }
    evaluate(loss, step.flips, kNoLimit);
    std::vector<std::size_t> order(step.flips.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return is_better(step.flips[a].result, step.flips[b].result);
    });
    order.resize(std::min(order.size(), std::size_t(options.width)));
    beam.clear();
    for (const std::size_t place : order) {
      step.flips[place].kept = true;
      beam.push_back(step.flips[place].result.pattern);
    }
    path.push_back(step.flips[order.front()].result);
    if (observer) observer(step);
  }
  return path;
}

LayerPattern uniform_pattern(std::int64_t num_layers, std::int64_t num_full) {
  check_num_full(num_layers, 1, num_full);
  return LayerPattern::uniform(num_layers, {num_full, num_layers});
}

std::vector<CostedPattern> pareto_front(std::span<const ScoredPattern> patterns,
                                        const std::function<double(const LayerPattern&)>& latency) {
  std::vector<CostedPattern> costed;
  for (const ScoredPattern& scored : patterns) {
    if (scored.loss.given_up) continue;
    costed.push_back({scored, latency(scored.pattern)});
    if (std::isnan(scored.loss.value) || std::isnan(costed.back().latency)) {
      throw InvalidArgument(fmt::format("search: loss {} and latency {} of pattern {}",
                                        scored.loss.value, costed.back().latency,
                                        scored.pattern.letters()));
    }
  }
  std::stable_sort(costed.begin(), costed.end(), [](const auto& a, const auto& b) {
    return std::pair(a.latency, a.scored.loss.value) < std::pair(b.latency, b.scored.loss.value);
  });
  // By rising latency, what does not lower the loss is beaten by what stands before it.
  std::vector<CostedPattern> front;
  for (CostedPattern& next : costed) {
    if (front.empty() || next.scored.loss.value < front.back().scored.loss.value) {
      front.push_back(std::move(next));
    }
  }
  return front;
}

}  // namespace dsabench
