#pragma once
/// Randomness for generated questions, the same on every platform and compiler: integers only, no
/// distributions of the C++ library. Its values are part of every suite's version: a change here
/// raises the version in each suite.json (tests/suites holds golden hashes of generated prompts).
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace dsabench {

/// Counter-based generator: value i is SplitMix64's output function at key + (i + 1) * gamma, so
/// with key 0 the sequence is SplitMix64's from seed 0. Child streams have their own keys, so what
/// one consumer draws never moves what another sees.
class CounterRandom {
 public:
  explicit CounterRandom(std::uint64_t key) : key_(key) {}

  /// An independent generator named by a tag or a number.
  CounterRandom stream(std::string_view tag) const;
  CounterRandom stream(std::uint64_t number) const;

  std::uint64_t at(std::uint64_t counter) const;
  std::uint64_t next() { return at(counter_++); }
  /// Uniform in [0, bound); bound >= 1. The bias is below bound / 2^64.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }

  /// Fisher-Yates.
  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

 private:
  std::uint64_t key_;
  std::uint64_t counter_ = 0;
};

/// A random bijection of [0, size) evaluated one element at a time (Feistel network with cycle
/// walking): draws without replacement that need no memory of what was drawn.
class Permutation {
 public:
  /// size in [1, 2^62].
  Permutation(const CounterRandom& random, std::uint64_t size);
  std::uint64_t size() const { return size_; }
  /// index in [0, size()).
  std::uint64_t at(std::uint64_t index) const;

 private:
  CounterRandom random_;
  std::uint64_t size_;
  int half_bits_;
};

}  // namespace dsabench
