#include "suites/counter_random.h"

namespace dsabench {
namespace {

constexpr std::uint64_t kGamma = 0x9e3779b97f4a7c15;
constexpr int kRounds = 6;

std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

CounterRandom CounterRandom::stream(std::string_view tag) const { return stream(fnv1a(tag)); }

CounterRandom CounterRandom::stream(std::uint64_t number) const {
  return CounterRandom(mix(mix(key_ + kGamma) ^ mix(number + 2 * kGamma)));
}

std::uint64_t CounterRandom::at(std::uint64_t counter) const {
  return mix(key_ + (counter + 1) * kGamma);
}

Permutation::Permutation(const CounterRandom& random, std::uint64_t size)
    : random_(random), size_(size), half_bits_(1) {
  while ((std::uint64_t{1} << (2 * half_bits_)) < size) ++half_bits_;
}

std::uint64_t Permutation::at(std::uint64_t index) const {
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  // The network permutes a power of four; walking its cycle until it is back inside [0, size)
  // permutes the part.
  do {
    std::uint64_t left = index >> half_bits_, right = index & mask;
    for (int round = 0; round < kRounds; ++round) {
      const std::uint64_t next =
          left ^ (random_.at((right << 3) | static_cast<std::uint64_t>(round)) & mask);
      left = right;
      right = next;
    }
    index = left << half_bits_ | right;
  } while (index >= size_);
  return index;
}

}  // namespace dsabench
