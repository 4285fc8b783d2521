#include "kernels/ops/topk_candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/ops/indexer_topk.h"
#include "kernels/reference/indexer.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"

using namespace dsabench;
using namespace dsabench::ops::detail;
using dsabench::test::Random;

namespace {

/// Feeds scores in pushes of random length and returns the kept positions.
std::vector<std::int32_t> run(const VectorMath& math, Random& random,
                              const std::vector<float>& scores, std::int64_t keep) {
  const auto capacity = static_cast<std::size_t>(TopkCandidates::capacity(keep));
  std::vector<RankedKey> memory(capacity + 1, 42), scratch(capacity + 1, 42);
  TopkCandidates candidates(math, memory.data(), scratch.data(), keep);
  const auto n = static_cast<std::int64_t>(scores.size());
  for (std::int64_t at = 0; at < n;) {
    const std::int64_t count = std::min(random.integer(0, TopkCandidates::kMaxPush), n - at);
    candidates.push(scores.data() + at, at, count);
    at += count;
  }
  candidates.finish();
  REQUIRE(memory.back() == 42);
  REQUIRE(scratch.back() == 42);
  std::vector<std::int32_t> positions;
  for (std::int64_t i = 0; i < candidates.count(); ++i) {
    positions.push_back(ranked_position(candidates.keys()[i]));
  }
  return positions;
}

}  // namespace

TEST_CASE("ranked keys order by score, then by lower position, NaN last") {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> rising = {-infinity, -3e38f, -1.0f, -1e-45f, 0.0f,
                                     1e-45f,    1.0f,   3e38f, infinity};
  for (std::size_t i = 0; i < rising.size(); ++i) {
    CHECK(ranked_score(ranked_key(rising[i], 7)) == rising[i]);
    CHECK(ranked_position(ranked_key(rising[i], 123456)) == 123456);
    CHECK(ranked_key(rising[i], 3) > ranked_key(rising[i], 4));
    CHECK(ranked_key(std::nanf(""), 0) < ranked_key(rising[i], 2147483647));
    if (i > 0) CHECK(ranked_key(rising[i], 2147483647) > ranked_key(rising[i - 1], 0));
  }
  CHECK(ranked_key(-0.0f, 5) == ranked_key(0.0f, 5));
  CHECK(ranked_key(std::nanf(""), 5) == ranked_key(-std::nanf(""), 5));
  CHECK(std::isnan(ranked_score(ranked_key(std::nanf(""), 5))));
}

TEST_CASE("candidates keep what a full sort keeps, on every instruction set") {
  DSABENCH_SEEDED(random);
  for (const std::string_view isa : supported_isas()) {
    for (int trial = 0; trial < 60; ++trial) {
      const std::int64_t keep = random.integer(1, 700), n = random.integer(1, 9000);
      const int kind = trial % 6;
      CAPTURE(isa, keep, n, kind);
      std::vector<float> scores(static_cast<std::size_t>(n));
      for (std::size_t i = 0; i < scores.size(); ++i) {
        const double normal = random.normal();
        const double position = static_cast<double>(i);
        scores[i] = static_cast<float>(kind == 0   ? normal
                                       : kind == 1 ? std::round(normal)
                                       : kind == 2 ? 11.0 + 0.1 * normal
                                       : kind == 3 ? position
                                       : kind == 4 ? -position
                                                   : std::exp(20 * normal));
        if (trial % 5 == 0 && random.integer(0, 3) == 0) scores[i] = std::nanf("");
        if (trial % 7 == 0 && random.integer(0, 9) == 0) {
          scores[i] = -std::numeric_limits<float>::infinity();
        }
      }
      const std::vector<double> exact(scores.begin(), scores.end());
      REQUIRE(run(vector_math_for(isa), random, scores, keep) ==
              reference::topk_positions(exact, keep));
    }
  }
}

TEST_CASE("write_selection leaves out the worst and reports the margin") {
  const std::vector<RankedKey> keys = {ranked_key(3.0f, 2), ranked_key(1.0f, 4),
                                       ranked_key(1.5f, 9)};
  std::vector<std::int32_t> indices(3, -7);
  CHECK(write_selection(keys.data(), 3, 2, indices.data()) == 0.5f);
  CHECK(indices == std::vector<std::int32_t>{2, 9, -7});
  CHECK(write_selection(keys.data(), 3, 3, indices.data()) == ops::kNoMargin);
  CHECK(indices == std::vector<std::int32_t>{2, 4, 9});
}

TEST_CASE("select_greater lists exactly what is greater") {
  DSABENCH_SEEDED(random);
  for (const std::string_view isa : supported_isas()) {
    for (const std::int64_t n : {0, 1, 15, 16, 17, 31, 32, 63, 200, 256}) {
      for (const float threshold : {-10.0f, 0.0f, 1.0f, 2.5f, 10.0f}) {
        CAPTURE(isa, n, threshold);
        std::vector<float> x(static_cast<std::size_t>(n));
        std::vector<std::int32_t> expected, got(static_cast<std::size_t>(n) + 1, -7);
        for (std::size_t i = 0; i < x.size(); ++i) {
          x[i] = static_cast<float>(std::round(2 * random.normal()) / 2);
          if (random.integer(0, 20) == 0) x[i] = std::nanf("");
          if (x[i] > threshold) expected.push_back(static_cast<std::int32_t>(i));
        }
        const std::int64_t count =
            vector_math_for(isa).select_greater(got.data(), x.data(), threshold, n);
        CHECK(got.back() == -7);
        got.resize(static_cast<std::size_t>(count));
        CHECK(got == expected);
      }
    }
  }
}

TEST_CASE("relu_weighted_sum sums over heads") {
  DSABENCH_SEEDED(random);
  for (const std::string_view isa : supported_isas()) {
    for (const std::int64_t n : {0, 1, 63, 64, 65, 200}) {
      const std::int64_t heads = random.integer(1, 9), stride = n + 3;
      CAPTURE(isa, n, heads);
      Tensor x = random.normal_tensor({heads, stride}), weights = random.normal_tensor({heads});
      if (n > 1) x.data<float>()[1] = std::nanf("");
      std::vector<float> out(static_cast<std::size_t>(n) + 1, -7.0f);
      vector_math_for(isa).relu_weighted_sum(out.data(), x.data<float>(), stride,
                                             weights.data<float>(), heads, n);
      CHECK(out.back() == -7.0f);
      for (std::int64_t i = 0; i < n; ++i) {
        double sum = 0.0;
        for (std::int64_t h = 0; h < heads; ++h) {
          const double value = x.data<float>()[h * stride + i];
          sum += static_cast<double>(weights.data<float>()[h]) * (value < 0.0 ? 0.0 : value);
        }
        const auto got = static_cast<double>(out[static_cast<std::size_t>(i)]);
        if (std::isnan(sum)) {
          CHECK(std::isnan(got));
        } else {
          CHECK(std::fabs(got - sum) <= 1e-5);
        }
      }
    }
  }
}
