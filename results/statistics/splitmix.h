#pragma once
/// Random draws that are the same on any machine and with any standard library. Private to
/// results/.
#include <cstdint>

namespace dsabench::statistics {

/// Splitmix64 (Steele, Lea and Flood 2014).
class SplitMix {
 public:
  explicit SplitMix(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
  }
  /// In [0, size), size below 2^32; the bias is below size / 2^32.
  std::uint64_t index(std::uint64_t size) { return (bits() >> 32) * size >> 32; }
  /// In (0, 1), never an end.
  double open_unit() { return (static_cast<double>(bits() >> 12) + 0.5) * 0x1p-52; }

 private:
  std::uint64_t state_;
};

}  // namespace dsabench::statistics
