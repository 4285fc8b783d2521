#include "kernels/ops/topk_candidates.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

#include "kernels/ops/indexer_topk.h"

namespace dsabench::ops::detail {
namespace {

constexpr std::uint32_t kSignBit = 0x80000000u;
constexpr int kBucketBits = 10;

std::uint32_t order_of(RankedKey key) { return static_cast<std::uint32_t>(key >> 32); }

/// The rank-th largest key, rank from 1: a histogram over the range of the scores finds the bucket
/// it lies in, and only that bucket is partitioned.
RankedKey nth_largest(const RankedKey* keys, std::int64_t count, std::int64_t rank,
                      RankedKey* scratch) {
  std::uint32_t lowest = order_of(keys[0]), highest = lowest;
  for (std::int64_t i = 1; i < count; ++i) {
    lowest = std::min(lowest, order_of(keys[i]));
    highest = std::max(highest, order_of(keys[i]));
  }
  const int shift = std::max(0, static_cast<int>(std::bit_width(highest - lowest)) - kBucketBits);
  std::array<std::int32_t, std::size_t{1} << kBucketBits> bucket_sizes{};
  for (std::int64_t i = 0; i < count; ++i) {
    ++bucket_sizes[(order_of(keys[i]) - lowest) >> shift];
  }
  std::size_t bucket = (highest - lowest) >> shift;
  std::int64_t above = 0;
  while (above + bucket_sizes[bucket] < rank) above += bucket_sizes[bucket--];
  std::int64_t size = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    scratch[size] = keys[i];
    size += (order_of(keys[i]) - lowest) >> shift == bucket ? 1 : 0;
  }
  RankedKey* nth = scratch + (rank - above - 1);
  std::nth_element(scratch, nth, scratch + size, std::greater<>());
  return *nth;
}

}  // namespace

RankedKey ranked_key(float score, std::int64_t position) {
  std::uint32_t order = 0;  // NaN
  if (!std::isnan(score)) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(score + 0.0f);  // -0 becomes 0
    order = (bits & kSignBit) != 0 ? ~bits : bits | kSignBit;
  }
  return (static_cast<RankedKey>(order) << 32) | ~static_cast<std::uint32_t>(position);
}

float ranked_score(RankedKey key) {
  const auto order = static_cast<std::uint32_t>(key >> 32);
  if (order == 0) return std::numeric_limits<float>::quiet_NaN();
  return std::bit_cast<float>((order & kSignBit) != 0 ? order ^ kSignBit : ~order);
}

std::int32_t ranked_position(RankedKey key) {
  return static_cast<std::int32_t>(~static_cast<std::uint32_t>(key));
}

RankedKey keep_best(RankedKey* keys, std::int64_t count, std::int64_t keep, RankedKey* scratch) {
  const RankedKey floor = nth_largest(keys, count, keep, scratch);
  std::int64_t kept = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const RankedKey key = keys[i];
    keys[kept] = key;
    kept += key >= floor ? 1 : 0;
  }
  return floor;
}

void TopkCandidates::push(const float* scores, std::int64_t first_position, std::int64_t n) {
  if (count_ + n > capacity(keep_)) compact();
  const float threshold = full_ ? ranked_score(floor_) : 0.0f;
  if (!full_ || std::isnan(threshold)) {
    for (std::int64_t i = 0; i < n; ++i) {
      const RankedKey key = ranked_key(scores[i], first_position + i);
      keys_[count_] = key;
      count_ += key > floor_ ? 1 : 0;
    }
    return;
  }
  std::array<std::int32_t, kMaxPush> better;
  const std::int64_t num_better = math_->select_greater(better.data(), scores, threshold, n);
  for (std::int64_t i = 0; i < num_better; ++i) {
    const std::int32_t at = better[static_cast<std::size_t>(i)];
    keys_[count_++] = ranked_key(scores[at], first_position + at);
  }
}

void TopkCandidates::finish() {
  if (count_ > keep_) compact();
}

void TopkCandidates::compact() {
  floor_ = keep_best(keys_, count_, keep_, scratch_);
  count_ = keep_;
  full_ = true;
}

float write_selection(const RankedKey* keys, std::int64_t count, std::int64_t top_k,
                      std::int32_t* indices) {
  if (count == top_k) {
    for (std::int64_t i = 0; i < top_k; ++i) indices[i] = ranked_position(keys[i]);
    return kNoMargin;
  }
  const RankedKey* out = std::min_element(keys, keys + count);
  RankedKey worst = ~RankedKey{0};
  for (const RankedKey* key = keys; key != keys + count; ++key) {
    if (key == out) continue;
    *indices++ = ranked_position(*key);
    worst = std::min(worst, *key);
  }
  const float last_in = ranked_score(worst), first_out = ranked_score(*out);
  if (std::isnan(last_in) || last_in == first_out) return 0.0f;
  return std::isnan(first_out) ? kNoMargin : std::min(last_in - first_out, kNoMargin);
}

}  // namespace dsabench::ops::detail
