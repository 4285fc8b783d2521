#include "suites/counter_random.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "tests/support/random.h"

namespace dsabench {
namespace {

TEST_CASE("CounterRandom with key 0 is SplitMix64 from seed 0") {
  CounterRandom random(0);
  CHECK(random.next() == 0xe220a8397b1dcdafULL);
  CHECK(random.next() == 0x6e789e6aa1b965f4ULL);
  CHECK(random.next() == 0x06c45d188009454fULL);
  CHECK(random.at(0) == 0xe220a8397b1dcdafULL);
}

TEST_CASE("CounterRandom streams do not depend on what was drawn, and differ") {
  DSABENCH_SEEDED(seeds);
  const auto key = static_cast<std::uint64_t>(seeds.integer(0, 1'000'000'000));
  CounterRandom drawn(key);
  drawn.next();
  CHECK(drawn.stream("a").at(0) == CounterRandom(key).stream("a").at(0));
  CHECK(drawn.stream("a").at(0) != drawn.stream("b").at(0));
  CHECK(drawn.stream(1).at(0) != drawn.stream(2).at(0));
  CHECK(drawn.stream(1).stream(2).at(0) != drawn.stream(2).stream(1).at(0));
}

TEST_CASE("CounterRandom below is uniform") {
  DSABENCH_SEEDED(seeds);
  CounterRandom random(static_cast<std::uint64_t>(seeds.integer(0, 1'000'000'000)));
  std::vector<int> counts(10);
  for (int i = 0; i < 100'000; ++i) ++counts[random.below(10)];
  // Each count is 10,000 with a standard deviation of 95.
  for (const int count : counts) CHECK(std::abs(count - 10'000) < 700);
}

TEST_CASE("CounterRandom shuffle permutes, to every place") {
  DSABENCH_SEEDED(seeds);
  CounterRandom random(static_cast<std::uint64_t>(seeds.integer(0, 1'000'000'000)));
  std::vector<int> first_at(5);
  for (int i = 0; i < 5'000; ++i) {
    std::vector<int> values{0, 1, 2, 3, 4};
    random.shuffle(values);
    ++first_at[static_cast<std::size_t>(std::find(values.begin(), values.end(), 0) -
                                        values.begin())];
    std::sort(values.begin(), values.end());
    REQUIRE(values == std::vector<int>{0, 1, 2, 3, 4});
  }
  for (const int count : first_at) CHECK(std::abs(count - 1'000) < 250);
}

TEST_CASE("Permutation is a bijection of any size") {
  DSABENCH_SEEDED(seeds);
  const CounterRandom random(static_cast<std::uint64_t>(seeds.integer(0, 1'000'000'000)));
  for (const std::int64_t size : {std::int64_t{1}, std::int64_t{2}, std::int64_t{3},
                                  std::int64_t{1024}, seeds.integer(4, 20'000)}) {
    CAPTURE(size);
    const Permutation permutation(random, static_cast<std::uint64_t>(size));
    std::set<std::uint64_t> seen;
    for (std::uint64_t i = 0; i < permutation.size(); ++i) seen.insert(permutation.at(i));
    CHECK(seen.size() == permutation.size());
    CHECK(*seen.rbegin() == permutation.size() - 1);
  }
}

TEST_CASE("Permutations of two keys differ, and are not the identity") {
  const Permutation a(CounterRandom(1), 1'000'000), b(CounterRandom(2), 1'000'000);
  int equal = 0, fixed = 0;
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    equal += a.at(i) == b.at(i);
    fixed += a.at(i) == i;
  }
  CHECK(equal < 10);
  CHECK(fixed < 10);
}

}  // namespace
}  // namespace dsabench
