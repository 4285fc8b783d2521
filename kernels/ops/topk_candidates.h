#pragma once
#include <cstdint>

#include "kernels/simd/vector_math.h"

namespace dsabench::ops::detail {

/// A score and its position as one integer that orders as the selection does: larger is better,
/// equal scores (0 and -0 among them) by lower position, NaN below every number.
using RankedKey = std::uint64_t;

RankedKey ranked_key(float score, std::int64_t position);
float ranked_score(RankedKey key);
std::int32_t ranked_position(RankedKey key);

/// Keeps the `keep` largest of `count` > keep keys, in the order they have, and returns the
/// smallest of them. `scratch` holds `count` keys.
RankedKey keep_best(RankedKey* keys, std::int64_t count, std::int64_t keep, RankedKey* scratch);

/// Exact running selection of the `keep` best keys of one query, in fixed memory.
///
/// Keys come in ascending order of position, so that only a score above the keep-th best so far can
/// still displace another: one vector comparison turns nearly all keys away. The survivors gather
/// in a buffer of about twice `keep`; a full buffer is cut back to the best `keep` and the
/// threshold rises. Positions stay ascending throughout, so nothing is ever sorted. Owns nothing:
/// `memory` and `scratch` hold `capacity(keep)` keys each and outlive the object; candidates of one
/// thread may share `scratch`.
class TopkCandidates {
 public:
  /// Most scores that one `push` takes.
  static constexpr std::int64_t kMaxPush = 256;
  static std::int64_t capacity(std::int64_t keep) { return 2 * keep + kMaxPush; }

  TopkCandidates(const VectorMath& math, RankedKey* memory, RankedKey* scratch, std::int64_t keep)
      : math_(&math), keys_(memory), scratch_(scratch), keep_(keep) {}

  /// Offers scores[i] at position first_position + i, i < n <= kMaxPush.
  void push(const float* scores, std::int64_t first_position, std::int64_t n);

  /// Cuts down to the best `keep`, or all where there are fewer.
  void finish();

  RankedKey* keys() const { return keys_; }
  std::int64_t count() const { return count_; }

 private:
  void compact();

  const VectorMath* math_;
  RankedKey* keys_;
  RankedKey* scratch_;
  std::int64_t keep_, count_ = 0;
  bool full_ = false;  // `keep` keys have been seen and floor_ is the worst of the best
  RankedKey floor_ = 0;
};

/// Writes the positions of the best `top_k` of `count` keys (top_k or top_k + 1, positions
/// ascending) to `indices` [top_k], ascending. Returns the margin to the one left out, kNoMargin
/// where there is none.
float write_selection(const RankedKey* keys, std::int64_t count, std::int64_t top_k,
                      std::int32_t* indices);

}  // namespace dsabench::ops::detail
