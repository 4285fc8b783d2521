/// Every method against brute force over all patterns of small models, with random losses.
#include "engine/search/pattern_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <string>

#include "kernels/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/support/random.h"

namespace dsabench::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<std::string> all_patterns(std::int64_t num_layers) {
  std::vector<std::string> patterns;
  for (std::int64_t bits = 0; bits < std::int64_t{1} << (num_layers - 1); ++bits) {
    std::string letters(std::size_t(num_layers), 'F');
    for (std::int64_t layer = 1; layer < num_layers; ++layer) {
      if ((bits >> (layer - 1)) & 1) letters[std::size_t(layer)] = 'S';
    }
    patterns.push_back(letters);
  }
  return patterns;
}

std::int64_t count_full(const std::string& letters) {
  return std::count(letters.begin(), letters.end(), 'F');
}

/// A loss for every pattern, from `values` different ones: few values make ties.
class LossTable {
 public:
  LossTable(Random& random, std::int64_t num_layers, std::int64_t values) {
    for (const auto& letters : all_patterns(num_layers)) {
      table[letters] = double(random.integer(0, values - 1)) / 8.0;
    }
  }
  LossFunction callback() {
    return [this](std::span<const LayerPattern> patterns, double limit) {
      ++calls;
      std::vector<PatternLoss> losses;
      for (const auto& pattern : patterns) {
        asked.push_back(pattern.letters());
        const double loss = table.at(pattern.letters());
        // What was given up is known to be above the limit, and no more.
        const bool given_up = loss > limit;
        losses.push_back({given_up ? std::nextafter(limit, kInfinity) : loss, given_up});
        num_given_up += given_up;
      }
      return losses;
    };
  }
  std::map<std::string, double> table;
  std::vector<std::string> asked;
  std::int64_t calls = 0, num_given_up = 0;
};

std::vector<std::string> letters_of(const std::vector<ScoredPattern>& path) {
  std::vector<std::string> letters;
  for (const auto& scored : path) letters.push_back(scored.pattern.letters());
  return letters;
}

/// The first of the least: `lowest` is in the order in which ties are decided.
template <class Range, class Value>
auto first_least(const Range& lowest, Value value) {
  return *std::min_element(lowest.begin(), lowest.end(),
                           [&](const auto& a, const auto& b) { return value(a) < value(b); });
}

/// Greedy search, written out over the table of all patterns.
std::vector<std::string> brute_greedy(const LossTable& losses, std::int64_t num_layers,
                                      std::int64_t num_full) {
  std::string current(std::size_t(num_layers), 'F');
  std::vector<std::string> path;
  while (count_full(current) > num_full) {
    std::vector<std::string> children;  // lowest layer first
    for (std::size_t layer = 1; layer < current.size(); ++layer) {
      std::string child = current;
      child[layer] = 'S';
      if (child != current) children.push_back(child);
    }
    current = first_least(children, [&](const std::string& c) { return losses.table.at(c); });
    path.push_back(current);
  }
  return path;
}

TEST_CASE("greedy search takes the flip of least loss, the lowest among equals") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 200; ++round) {
    const std::int64_t layers = random.integer(1, 8), full = random.integer(1, layers);
    LossTable losses(random, layers, random.choice<std::int64_t>({1, 2, 5, 1000}));
    CAPTURE(round, layers, full);
    std::vector<SearchStep> steps;
    const auto path = greedy_search(layers, {full, 1, false}, losses.callback(),
                                    [&](const SearchStep& step) { steps.push_back(step); });
    CHECK(letters_of(path) == brute_greedy(losses, layers, full));
    std::size_t expected = 0;
    for (std::int64_t f = full + 1; f <= layers; ++f) expected += std::size_t(f - 1);
    CHECK(losses.asked.size() == expected);
    CHECK(losses.calls == layers - full);
    REQUIRE(steps.size() == path.size());
    std::string from(std::size_t(layers), 'F');
    for (std::size_t i = 0; i < steps.size(); ++i) {
      CHECK(steps[i].step == std::int64_t(i));
      CHECK(std::ssize(steps[i].flips) == count_full(from) - 1);
      std::int64_t kept = 0;
      for (const Flip& flip : steps[i].flips) {
        CHECK(flip.from.letters() == from);
        std::string to = from;
        to[std::size_t(flip.layer)] = 'S';
        CHECK(flip.result.pattern.letters() == to);
        CHECK(flip.result.loss.value == losses.table.at(to));
        CHECK_FALSE(flip.result.loss.given_up);
        kept += flip.kept;
        if (flip.kept) CHECK(flip.result.pattern == path[i].pattern);
      }
      CHECK(kept == 1);
      from = path[i].pattern.letters();
    }
  }
}

TEST_CASE("giving flips up changes no choice") {
  DSABENCH_SEEDED(random);
  std::int64_t given_up = 0;
  for (int round = 0; round < 200; ++round) {
    const std::int64_t layers = random.integer(1, 8), full = random.integer(1, layers);
    LossTable losses(random, layers, random.choice<std::int64_t>({1, 2, 5, 1000}));
    const std::int64_t blocks = random.integer(1, full);
    CAPTURE(round, layers, full, blocks);
    const auto whole = greedy_search(layers, {full, blocks, false}, losses.callback());
    const std::size_t evaluations = losses.asked.size();
    losses.num_given_up = 0;
    const auto limited =
        greedy_search(layers, {full, blocks, true}, losses.callback(), [&](const SearchStep& step) {
          for (const Flip& flip : step.flips) {
            const double loss = losses.table.at(flip.result.pattern.letters());
            if (flip.result.loss.given_up) {
              CHECK_FALSE(flip.kept);
              CHECK(flip.result.loss.value <= loss);
            } else {
              CHECK(flip.result.loss.value == loss);
            }
          }
        });
    CHECK(letters_of(limited) == letters_of(whole));
    CHECK(losses.asked.size() == 2 * evaluations);
    given_up += losses.num_given_up;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      CHECK(limited[i].loss.value == whole[i].loss.value);
      CHECK_FALSE(limited[i].loss.given_up);
    }
  }
  CHECK(given_up > 0);
}

TEST_CASE("blocks flip in turn and keep their first layer") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 200; ++round) {
    const std::int64_t layers = random.integer(1, 9), blocks = random.integer(1, layers);
    const std::int64_t full = random.integer(blocks, layers);
    LossTable losses(random, layers, random.choice<std::int64_t>({1, 3, 1000}));
    CAPTURE(round, layers, full, blocks);
    // Blocks as even as can be, the longer ones first: layer by layer its block.
    std::vector<std::int64_t> block_of;
    for (std::int64_t b = 0; b < blocks; ++b) {
      const std::int64_t length = layers / blocks + (b < layers % blocks ? 1 : 0);
      block_of.insert(block_of.end(), std::size_t(length), b);
    }
    std::string current(std::size_t(layers), 'F');
    std::vector<std::string> expected;
    for (std::int64_t turn = 0; count_full(current) > full; ++turn) {
      std::vector<std::string> children;
      for (std::size_t layer = 1; layer < current.size(); ++layer) {
        if (block_of[layer] != turn % blocks || block_of[layer - 1] != block_of[layer]) continue;
        std::string child = current;
        child[layer] = 'S';
        if (child != current) children.push_back(child);
      }
      if (children.empty()) continue;
      current = first_least(children, [&](const std::string& c) { return losses.table.at(c); });
      expected.push_back(current);
    }
    CHECK(letters_of(greedy_search(layers, {full, blocks, false}, losses.callback())) == expected);
  }
}

TEST_CASE("a beam of width one is greedy search, one of every pattern finds the best of all") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 100; ++round) {
    const std::int64_t layers = random.integer(1, 7), full = random.integer(1, layers);
    LossTable losses(random, layers, random.choice<std::int64_t>({1, 2, 5, 1000}));
    CAPTURE(round, layers, full);
    CHECK(letters_of(beam_search(layers, {full, 1}, losses.callback())) ==
          brute_greedy(losses, layers, full));
    losses.asked.clear();
    const auto best = beam_search(layers, {full, 1 << layers}, losses.callback());
    // Each pattern once.
    CHECK(std::set(losses.asked.begin(), losses.asked.end()).size() == losses.asked.size());
    auto patterns = all_patterns(layers);
    std::sort(patterns.begin(), patterns.end(), std::greater<>());  // lowest layers Shared first
    for (std::int64_t f = layers - 1; f >= full; --f) {
      std::vector<std::string> with_full;
      for (const auto& letters : patterns) {
        if (count_full(letters) == f) with_full.push_back(letters);
      }
      const auto expected =
          first_least(with_full, [&](const std::string& c) { return losses.table.at(c); });
      CHECK(best[std::size_t(layers - 1 - f)].pattern.letters() == expected);
    }
    CHECK(std::ssize(losses.asked) ==
          std::count_if(patterns.begin(), patterns.end(), [&](const std::string& letters) {
            return count_full(letters) >= full && count_full(letters) < layers;
          }));
  }
}

TEST_CASE("a beam keeps the best of what the beam before leads to") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 100; ++round) {
    const std::int64_t layers = random.integer(2, 8), width = random.integer(2, 5);
    LossTable losses(random, layers, random.choice<std::int64_t>({2, 5, 1000}));
    CAPTURE(round, layers, width);
    std::vector<std::string> beam{std::string(std::size_t(layers), 'F')};
    const auto path =
        beam_search(layers, {1, width}, losses.callback(), [&](const SearchStep& step) {
          std::set<std::string, std::greater<>> children;
          for (const auto& from : beam) {
            for (std::size_t layer = 1; layer < from.size(); ++layer) {
              std::string child = from;
              child[layer] = 'S';
              if (child != from) children.insert(child);
            }
          }
          std::vector<std::string> ordered(children.begin(), children.end());
          std::stable_sort(ordered.begin(), ordered.end(), [&](const auto& a, const auto& b) {
            return losses.table.at(a) < losses.table.at(b);
          });
          ordered.resize(std::min(ordered.size(), std::size_t(width)));
          CHECK(step.flips.size() == children.size());
          std::set<std::string> kept;
          for (const Flip& flip : step.flips) {
            CHECK(std::find(beam.begin(), beam.end(), flip.from.letters()) != beam.end());
            std::string to = flip.from.letters();
            to[std::size_t(flip.layer)] = 'S';
            CHECK(to == flip.result.pattern.letters());
            if (flip.kept) kept.insert(to);
          }
          CHECK(kept == std::set<std::string>(ordered.begin(), ordered.end()));
          beam = ordered;
        });
    CHECK(std::ssize(path) == layers - 1);
  }
}

TEST_CASE("the uniform pattern of a number of Full layers has so many") {
  for (std::int64_t layers = 1; layers <= 80; ++layers) {
    for (std::int64_t full = 1; full <= layers; ++full) {
      CAPTURE(layers, full);
      CHECK(uniform_pattern(layers, full).num_full() == full);
    }
    for (const std::int64_t n : {1, 2, 4, 8}) {
      const auto of_retention = LayerPattern::uniform(layers, {1, n});
      if (layers % n == 0) CHECK(uniform_pattern(layers, of_retention.num_full()) == of_retention);
    }
  }
}

TEST_CASE("the similarity pattern is the best of all, the lowest Full layers among equals") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 200; ++round) {
    const std::int64_t layers = random.integer(1, 8), full = random.integer(1, layers);
    const std::int64_t values = random.choice<std::int64_t>({1, 2, 5, 1000});
    // Eighths, negative ones too: sums are exact. What is not of a source below is never read.
    std::vector<double> similarity(std::size_t(layers * layers), std::nan(""));
    for (std::int64_t a = 0; a < layers; ++a) {
      for (std::int64_t b = a + 1; b < layers; ++b) {
        similarity[std::size_t(a * layers + b)] = double(random.integer(-values, values)) / 8.0;
      }
    }
    const auto total = [&](const std::string& letters) {
      double sum = 0.0;
      std::size_t source = 0;
      for (std::size_t layer = 0; layer < letters.size(); ++layer) {
        if (letters[layer] == 'F') {
          source = layer;
        } else {
          sum += similarity[source * letters.size() + layer];
        }
      }
      return sum;
    };
    std::vector<std::string> patterns;
    for (const auto& letters : all_patterns(layers)) {
      if (count_full(letters) == full) patterns.push_back(letters);
    }
    std::sort(patterns.begin(), patterns.end());  // lowest layers Full first
    CAPTURE(round, layers, full, values);
    CHECK(similarity_pattern(layers, full, similarity).letters() ==
          first_least(patterns, [&](const std::string& c) { return -total(c); }));
  }
}

TEST_CASE("the Pareto front is what no other pattern beats") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 200; ++round) {
    const std::int64_t layers = random.integer(1, 6);
    const std::int64_t values = random.choice<std::int64_t>({1, 3, 1000});
    LossTable losses(random, layers, values), latencies(random, layers, values);
    std::vector<ScoredPattern> scored;
    for (const auto& [letters, loss] : losses.table) {
      scored.push_back({LayerPattern::from_letters(letters), {loss, random.integer(0, 4) == 0}});
    }
    std::int64_t asked = 0;
    const auto front = pareto_front(scored, [&](const LayerPattern& pattern) {
      ++asked;
      return latencies.table.at(pattern.letters());
    });
    CAPTURE(round, layers, values);
    std::vector<std::string> expected;
    std::int64_t eligible = 0;
    for (std::size_t i = 0; i < scored.size(); ++i) {
      if (scored[i].loss.given_up) continue;
      ++eligible;
      const double loss = scored[i].loss.value;
      const double latency = latencies.table.at(scored[i].pattern.letters());
      bool beaten = false;
      for (std::size_t j = 0; j < scored.size(); ++j) {
        if (scored[j].loss.given_up) continue;
        const double other = scored[j].loss.value;
        const double others_latency = latencies.table.at(scored[j].pattern.letters());
        const bool equal = other == loss && others_latency == latency;
        beaten = beaten || (other <= loss && others_latency <= latency && (!equal || j < i));
      }
      if (!beaten) expected.push_back(scored[i].pattern.letters());
    }
    CHECK(asked == eligible);
    std::vector<std::string> actual;
    for (const auto& costed : front) {
      CHECK(costed.latency == latencies.table.at(costed.scored.pattern.letters()));
      actual.push_back(costed.scored.pattern.letters());
    }
    CHECK(std::is_sorted(front.begin(), front.end(),
                         [](const auto& a, const auto& b) { return a.latency < b.latency; }));
    std::sort(actual.begin(), actual.end());
    std::sort(expected.begin(), expected.end());
    CHECK(actual == expected);
  }
}

TEST_CASE("searches refuse what they cannot do") {
  const LossFunction zero = [](std::span<const LayerPattern> patterns, double) {
    return std::vector<PatternLoss>(patterns.size());
  };
  const auto refused = [](auto&& action) { return message_of<InvalidArgument>(action); };
  CHECK(refused([&] {
          greedy_search(4, {0, 1, false}, zero);
        }) == "search: 0 Full layers of 4, must be 1 to 4");
  CHECK_FALSE(refused([&] { greedy_search(4, {5, 1, false}, zero); }).empty());
  CHECK_FALSE(refused([&] { greedy_search(0, {1, 1, false}, zero); }).empty());
  CHECK(contains(refused([&] { greedy_search(4, {1, 2, false}, zero); }), "must be 2 to 4"));
  CHECK(contains(refused([&] { greedy_search(4, {4, 5, false}, zero); }), "5 blocks of 4 layers"));
  CHECK(contains(refused([&] { greedy_search(4, {4, 0, false}, zero); }), "0 blocks"));
  CHECK(contains(refused([&] { beam_search(4, {1, 0}, zero); }), "width 0"));
  CHECK_FALSE(refused([&] { beam_search(4, {5, 1}, zero); }).empty());
  CHECK_FALSE(refused([&] { uniform_pattern(4, 0); }).empty());
  CHECK(contains(refused([&] { similarity_pattern(3, 2, std::vector<double>(8)); }),
                 "8 similarities of 3 layers, must be 9"));
  CHECK_FALSE(refused([&] { similarity_pattern(3, 4, std::vector<double>(9)); }).empty());
  CHECK(contains(refused([&] { similarity_pattern(2, 1, std::vector<double>(4, std::nan(""))); }),
                 "layers 0 and 1 is nan"));
  const LossFunction nan = [](std::span<const LayerPattern> patterns, double) {
    return std::vector<PatternLoss>(patterns.size(), {std::nan(""), false});
  };
  CHECK(contains(refused([&] { greedy_search(3, {1, 1, false}, nan); }), "pattern FSF"));
  const LossFunction few = [](std::span<const LayerPattern>, double) {
    return std::vector<PatternLoss>(1);
  };
  CHECK(contains(refused([&] { greedy_search(3, {1, 1, false}, few); }), "1 losses of 2"));
  const std::vector<ScoredPattern> one{{LayerPattern::all_full(2), {1.0, false}}};
  CHECK(contains(
      refused([&] { pareto_front(one, [](const LayerPattern&) { return std::nan(""); }); }),
      "latency nan of pattern FF"));
}

}  // namespace
}  // namespace dsabench::test
