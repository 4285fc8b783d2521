#include "kernels/ops/mla_launches.h"

#include <algorithm>

#include "tests/support/catch.h"

using namespace dsabench::ops;

namespace {

std::vector<LatentSequence> sequences(const std::vector<std::int64_t>& rows) {
  std::vector<LatentSequence> all;
  for (const std::int64_t count : rows) all.push_back({.span = {0, count, 0}, .latents = {}});
  return all;
}

detail::MlaLaunches cut(const std::vector<std::int64_t>& rows, int max_segments) {
  return detail::cut_launches(sequences(rows), max_segments);
}

}  // namespace

TEST_CASE("sequences are cut into as few launches as can be, and these are even") {
  const auto of = [](std::int64_t count) {
    return cut(std::vector<std::int64_t>(static_cast<std::size_t>(count), 1), 64);
  };
  for (const auto& [count, segments] : {std::pair{1, 1}, std::pair{64, 64}, std::pair{65, 33},
                                        std::pair{131, 44}, std::pair{142, 48}}) {
    CAPTURE(count);
    CHECK(of(count).segments == segments);
    CHECK(of(count).rows == count);
    CHECK(of(count).most_rows == segments);
  }
}

TEST_CASE("sequences without rows are in no launch, and the largest launch is known") {
  const detail::MlaLaunches three = cut({0, 5, 0, 1, 2, 0, 7}, 2);
  CHECK(three.segments == 2);
  CHECK(three.rows == 15);
  CHECK(three.most_rows == 9);  // 5 + 1, then 2 + 7
  const detail::MlaLaunches none = cut({0, 0}, 2);
  CHECK(none.segments == 1);
  CHECK(none.rows == 0);
  CHECK(none.most_rows == 0);
}

TEST_CASE("keys are split so that the device is filled once, and not where it is filled often") {
  constexpr detail::SplitRule kRule{132, 64};
  const auto keys = [&](std::int64_t blocks) {
    return detail::choose_split_keys(kRule, blocks, 2048);
  };
  CHECK(keys(1) == 64);     // 32 splits: as many as there are tiles
  CHECK(keys(8) == 128);    // 16 splits: 128 blocks at once
  CHECK(keys(44) == 704);   // 3 splits: 132 blocks
  CHECK(keys(64) == 1024);  // 2 splits: 128 blocks
  CHECK(keys(132) == 2048);
  CHECK(keys(4 * 132) == 2048);
  CHECK(keys(1'000'000) == 2048);
  CHECK(keys(133) < 2048);  // unsplit, the last block would take as long as all others
  CHECK(keys(90) == 512);   // smaller ones would end sooner if beginning one cost nothing
}

TEST_CASE("splits are whole tiles, and neither more nor smaller than their rule allows") {
  constexpr detail::SplitRule kRule{264, 128};
  for (const std::int64_t keys : {0, 1, 63, 64, 65, 127, 128, 1000, 200'000}) {
    for (const std::int64_t blocks : {1, 3, 100, 264, 265, 5000}) {
      CAPTURE(keys, blocks);
      const std::int64_t split = detail::choose_split_keys(kRule, blocks, keys);
      CHECK(split >= 64);
      CHECK(split % 64 == 0);
      CHECK((keys + split - 1) / split <= std::clamp<std::int64_t>(keys / 128, 1, 264));
    }
  }
}
