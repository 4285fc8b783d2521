#include "kernels/ops/sampling.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "kernels/ops/counter_random.h"
#include "kernels/reference/activation.h"
#include "tests/kernels/device_views.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::int32_t argmax_of(const std::vector<float>& row) {
  Tensor logits(DType::f32, {1, static_cast<std::int64_t>(row.size())}), out(DType::i32, {1});
  std::copy(row.begin(), row.end(), logits.data<float>());
  out.poison();
  ops::argmax({}, {logits, out});
  return out.data<std::int32_t>()[0];
}

/// `draws` tokens of one row, from streams first, first + 1, ...
std::vector<std::int32_t> draw(const std::vector<float>& row, const ops::SamplingParams& params,
                               std::int64_t draws, std::int64_t first = 0) {
  const auto vocab = static_cast<std::int64_t>(row.size());
  Tensor logits(DType::f32, {draws, vocab}), stream(DType::i64, {draws}), out(DType::i32, {draws});
  for (std::int64_t r = 0; r < draws; ++r) {
    std::copy(row.begin(), row.end(), logits.view().row<float>(r));
    stream.data<std::int64_t>()[r] = first + r;
  }
  out.poison();
  ops::sample({}, {logits, stream, out, params});
  return {out.data<std::int32_t>(), out.data<std::int32_t>() + draws};
}

/// Share of each token under top-k and top-p, by sorting everything.
std::vector<double> truncated_softmax(const std::vector<float>& row,
                                      const ops::SamplingParams& params) {
  std::vector<double> p = reference::softmax_row(row, 1.0 / params.temperature);
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return row[a] > row[b]; });
  const std::size_t k = params.top_k > 0 ? std::min<std::size_t>(params.top_k, p.size()) : p.size();
  double all = 0.0, mass = 0.0;
  for (std::size_t i = 0; i < k; ++i) all += p[order[i]];
  std::vector<double> kept(p.size());
  for (std::size_t i = 0; i < k && (i == 0 || mass < params.top_p * all); ++i) {
    kept[order[i]] = p[order[i]];
    mass += p[order[i]];
  }
  for (double& value : kept) value /= mass;
  return kept;
}

}  // namespace

TEST_CASE("argmax finds the largest, the lowest index among equals, and never NaN") {
  CHECK(argmax_of({1.0f, 3.0f, 3.0f, 2.0f}) == 1);
  CHECK(argmax_of({kNan, 1.0f, kNan}) == 1);
  CHECK(argmax_of({kNan, kNan}) == 0);
  CHECK(argmax_of({kNan, -kInfinity}) == 1);
  CHECK(argmax_of({-kInfinity, -kInfinity}) == 0);
  CHECK(argmax_of({1.0f, kInfinity, kNan}) == 1);
  CHECK(argmax_of({-0.0f, 0.0f}) == 0);
  CHECK(argmax_of({0.0f, -0.0f}) == 0);
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 50; ++round) {
    std::vector<float> row(static_cast<std::size_t>(random.integer(1, 200)));
    for (float& value : row) value = static_cast<float>(random.integer(-5, 5));  // many ties
    const auto want = std::max_element(row.begin(), row.end()) - row.begin();
    CHECK(argmax_of(row) == want);
  }
}

TEST_CASE("temperature 0 is argmax whatever else is set") {
  CHECK(draw({1.0f, 5.0f, 5.0f}, {0.0f, 2, 0.5f, 7}, 3) == std::vector<std::int32_t>{1, 1, 1});
}

TEST_CASE("draws follow the truncated softmax") {
  DSABENCH_SEEDED(random);
  const std::vector<ops::SamplingParams> cases = {
      {1.0f, 0, 1.0f}, {0.5f, 0, 1.0f}, {2.0f, 3, 1.0f},  {1.0f, 0, 0.6f},
      {1.0f, 5, 0.7f}, {1.0f, 1, 1.0f}, {1.0f, 0, 1e-6f}, {1.0f, 100, 1.0f}};
  for (ops::SamplingParams params : cases) {
    params.seed = static_cast<std::uint64_t>(random.integer(0, 1'000'000'000));
    std::vector<float> row(12);
    for (float& value : row) value = static_cast<float>(random.normal(1.5));
    CAPTURE(params.temperature, params.top_k, params.top_p, params.seed);
    const std::vector<double> want = truncated_softmax(row, params);
    const std::int64_t draws = 20000;
    std::vector<double> counts(row.size());
    for (const std::int32_t token : draw(row, params, draws)) {
      REQUIRE(token >= 0);
      REQUIRE(token < static_cast<std::int32_t>(row.size()));
      counts[static_cast<std::size_t>(token)] += 1.0;
    }
    for (std::size_t i = 0; i < row.size(); ++i) {
      CAPTURE(i, want[i], counts[i]);
      if (want[i] == 0.0) {
        CHECK(counts[i] == 0.0);
      } else {
        const double sigma = std::sqrt(draws * want[i] * (1.0 - want[i]));
        CHECK(std::fabs(counts[i] - draws * want[i]) <= 6.0 * sigma + 1.0);
      }
    }
  }
}

TEST_CASE("a draw depends on seed and stream alone, not on its row or its batch") {
  DSABENCH_SEEDED(random);
  std::vector<float> row(500);
  for (float& value : row) value = static_cast<float>(random.normal());
  const ops::SamplingParams params{1.0f, 50, 0.95f, 11};
  const auto together = draw(row, params, 40, 100);
  for (std::int64_t r = 0; r < 40; ++r) {
    CHECK(draw(row, params, 1, 100 + r).front() == together[static_cast<std::size_t>(r)]);
  }
  ops::SamplingParams other = params;
  other.seed = 12;
  CHECK(draw(row, other, 40, 100) != together);
  CHECK(std::set<std::int32_t>(together.begin(), together.end()).size() > 5);
}

TEST_CASE("equal logits at the cut keep the lower index") {
  for (const std::int32_t token : draw({1.0f, 2.0f, 1.0f, 1.0f}, {1.0f, 2, 1.0f, 3}, 200)) {
    CHECK((token == 1 || token == 0));
  }
}

TEST_CASE("NaN, infinities and empty rows of hope") {
  for (const std::int32_t token : draw({kNan, 1.0f, -kInfinity, 1.0f}, {1.0f, 0, 1.0f, 5}, 100)) {
    CHECK((token == 1 || token == 3));
  }
  for (const std::int32_t token : draw({kNan, 1.0f, -kInfinity, 1.0f}, {1.0f, 3, 0.9f, 5}, 100)) {
    CHECK((token == 1 || token == 3));
  }
  for (const std::int32_t token : draw({0.0f, kInfinity, 5.0f}, {1.0f, 0, 1.0f, 5}, 20)) {
    CHECK(token == 1);
  }
  CHECK(draw({kNan, kNan}, {1.0f, 0, 0.5f, 5}, 1).front() == 0);
  CHECK(draw({-kInfinity, -kInfinity}, {1.0f, 1, 1.0f, 5}, 1).front() == 0);
}

TEST_CASE("the random numbers are fixed for ever and uniform") {
  // The first output of SplitMix64 seeded with 0, from its authors' program.
  CHECK(ops::mix_bits(0) == 0xe220a8397b1dcdafu);
  double mean = 0.0, square = 0.0;
  const int count = 100000;
  for (int i = 0; i < count; ++i) {
    const double u = ops::uniform_at(3, static_cast<std::uint64_t>(i));
    REQUIRE(u >= 0.0);
    REQUIRE(u < 1.0);
    mean += u / count;
    square += u * u / count;
  }
  CHECK(std::fabs(mean - 0.5) < 0.005);
  CHECK(std::fabs(square - 1.0 / 3.0) < 0.005);
  CHECK(ops::uniform_at(0, 1) != ops::uniform_at(1, 0));
}

TEST_CASE("sampling refuses what does not fit") {
  Tensor logits(DType::f32, {2, 5}), stream(DType::i64, {2}), out(DType::i32, {2}),
      wrong(DType::i32, {3});
  logits.fill_bytes(0);
  stream.fill_bytes(0);
  CHECK_THROWS_AS(ops::argmax({}, {logits, wrong}), InvalidArgument);
  CHECK_THROWS_AS(ops::argmax({}, {logits, stream}), InvalidArgument);
  CHECK_THROWS_AS(ops::argmax(test::cuda_context(), {logits, out}), InvalidArgument);
  const auto sample = [&](ops::SamplingParams params) {
    ops::sample({}, {logits, stream, out, params});
  };
  CHECK_THROWS_AS(sample({-1.0f}), InvalidArgument);
  CHECK_THROWS_AS(sample({kNan}), InvalidArgument);
  CHECK_THROWS_AS(sample({kInfinity}), InvalidArgument);
  CHECK_THROWS_AS(sample({1.0f, -1}), InvalidArgument);
  CHECK_THROWS_AS(sample({1.0f, 0, 0.0f}), InvalidArgument);
  CHECK_THROWS_AS(sample({1.0f, 0, 1.5f}), InvalidArgument);
  CHECK_THROWS_AS(sample({1.0f, 0, kNan}), InvalidArgument);
  CHECK_THROWS_AS(ops::sample({}, {logits, out, out, {1.0f}}), InvalidArgument);
}

}  // namespace dsabench
