#include "kernels/ops/moe_experts.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "kernels/reference/moe.h"
#include "tests/support/catch.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"
#include "tests/support/threads.h"

using namespace dsabench;
using namespace dsabench::test;

namespace {

struct ExpertsCase {
  ExpertsCase(Random& random, std::int64_t tokens, std::int64_t top_n, std::int64_t num_experts,
              std::int64_t hidden, std::int64_t intermediate)
      : x(random.normal_tensor({tokens, hidden})),
        experts(random.integer_tensor({tokens, top_n}, 0, num_experts - 1)),
        weights(DType::f32, {tokens, top_n}),
        gate_up(random.normal_tensor({num_experts, 2 * intermediate, hidden}, 0.2)),
        down(random.normal_tensor({num_experts, hidden, intermediate}, 0.2)),
        out(DType::f32, {tokens, hidden}),
        load(DType::i64, {num_experts}) {
    load.fill_bytes(0);
    // As a router gives them: positive, so that a token's experts do not cancel out.
    for (std::int64_t i = 0; i < tokens * top_n; ++i) {
      weights.data<float>()[i] = static_cast<float>(random.uniform(0.1, 1.0));
    }
  }

  void run() { run_rows(0, x.dim(0)); }

  void run_rows(std::int64_t begin, std::int64_t count) {
    out.poison();
    const Context ctx;
    ops::moe_experts(ctx, {.x = x.view().rows(begin, count),
                           .experts = experts.view().rows(begin, count),
                           .weights = weights.view().rows(begin, count),
                           .gate_up = gate_up.view(),
                           .down = down.view(),
                           .out = out.view().rows(begin, count),
                           .load = load.view()});
  }

  /// Errors are held to the batch's largest value: a row may cancel to nearly nothing.
  void check() const {
    const auto top_n = static_cast<std::size_t>(experts.dim(1));
    std::vector<double> expected;
    for (std::int64_t t = 0; t < x.dim(0); ++t) {
      for (const double value : reference::experts_row(
               {x.view().row<float>(t), static_cast<std::size_t>(x.dim(1))},
               {experts.view().row<std::int32_t>(t), top_n}, {weights.view().row<float>(t), top_n},
               gate_up.view(), down.view())) {
        expected.push_back(value);
      }
    }
    check_close(out.view(), expected, 1e-5);
  }

  /// Runs these rows one by one and compares them with the same rows of `batch`.
  void check_alone(const std::vector<std::int64_t>& rows, const Tensor& batch) {
    std::vector<double> alone, together;
    for (const std::int64_t t : rows) {
      run_rows(t, 1);
      for (const double value : to_doubles(out.view().rows(t, 1))) alone.push_back(value);
      for (const double value : to_doubles(batch.view().rows(t, 1))) together.push_back(value);
    }
    const Comparison result = compare(alone, together);
    INFO(result.describe());
    CHECK(result.max_normalized <= 1e-5);
  }

  Tensor x, experts, weights, gate_up, down, out, load;
};

}  // namespace

TEST_CASE("moe_experts matches the reference") {
  DSABENCH_SEEDED(random);
  for (int trial = 0; trial < 8; ++trial) {
    const std::int64_t top_n = random.integer(1, 5), tokens = random.integer(1, 60);
    ExpertsCase c(random, tokens, top_n, random.integer(1, 12), random.integer(1, 70),
                  random.integer(1, 90));
    CAPTURE(trial, tokens, top_n, c.down.dim(0), c.x.dim(1), c.down.dim(2));
    c.run();
    c.check();
    const auto* load = c.load.data<std::int64_t>();
    for (std::int64_t e = 0; e < c.load.dim(0); ++e) {
      const auto* begin = c.experts.data<std::int32_t>();
      CHECK(load[e] == std::count(begin, begin + tokens * top_n, static_cast<std::int32_t>(e)));
    }
  }
}

TEST_CASE("moe_experts copes with unbalanced loads and idle experts") {
  DSABENCH_SEEDED(random);
  ExpertsCase c(random, 700, 2, 6, 12, 20);
  for (std::int64_t t = 0; t < 700; ++t) {
    auto* row = c.experts.view().row<std::int32_t>(t);
    row[0] = 4;                // one expert for all: more rows than a block takes
    row[1] = t == 13 ? 0 : 2;  // one with a single token; 1, 3 and 5 with none
  }
  c.run();
  c.check();
  c.run();
  const auto* load = c.load.data<std::int64_t>();
  CHECK(std::vector<std::int64_t>(load, load + 6) ==
        std::vector<std::int64_t>{2, 0, 1398, 0, 1400, 0});
}

TEST_CASE("moe_experts takes outputs wider than a block") {
  DSABENCH_SEEDED(random);
  ExpertsCase c(random, 7, 2, 3, 530, 1100);
  c.run();
  c.check();
}

TEST_CASE("an expert chosen twice counts twice") {
  DSABENCH_SEEDED(random);
  ExpertsCase c(random, 3, 3, 4, 8, 8);
  std::fill_n(c.experts.view().row<std::int32_t>(1), 3, 2);
  c.run();
  c.check();
}

TEST_CASE("moe_experts does not depend on the batch") {
  DSABENCH_SEEDED(random);
  ExpertsCase c(random, 40, 3, 5, 33, 48);
  c.run();
  std::vector<std::int64_t> rows(40);
  std::iota(rows.begin(), rows.end(), 0);
  c.check_alone(rows, c.out.clone());
}

TEST_CASE("moe_experts works off more tokens than its scratch holds") {
  DSABENCH_SEEDED(random);
  // One token takes top_n * (hidden + intermediate) floats; these take several groups.
  ExpertsCase c(random, 400, 16, 4, 2, 4000);
  c.run();
  c.check_alone({0, 199, 261, 262, 263, 399}, c.out.clone());
}

TEST_CASE("moe_experts repeats bit for bit on any number of threads") {
  DSABENCH_SEEDED(random);
  ExpertsCase c(random, 90, 4, 8, 64, 96);
  c.run();
  const Tensor first = c.out.clone();
  for (int repeat = 0; repeat < 20; ++repeat) {
    const ThreadCount threads(1 + repeat % 3);
    c.run();
    REQUIRE(std::memcmp(c.out.view().raw(), first.view().raw(),
                        static_cast<std::size_t>(first.bytes())) == 0);
  }
}

TEST_CASE("moe_experts rejects what does not fit") {
  DSABENCH_SEEDED(random);
  ExpertsCase c(random, 4, 2, 3, 8, 6);
  SECTION("an expert out of range") { c.experts.view().row<std::int32_t>(2)[1] = 3; }
  SECTION("a negative expert") { c.experts.view().row<std::int32_t>(0)[0] = -1; }
  SECTION("weights of another shape") { c.weights = random.normal_tensor({4, 3}); }
  SECTION("gate_up of another shape") { c.gate_up = random.normal_tensor({3, 6, 8}); }
  SECTION("down of another shape") { c.down = random.normal_tensor({3, 7, 6}); }
  SECTION("a load of another size") { c.load = Tensor(DType::i64, {4}); }
  CHECK_THROWS_AS(c.run(), InvalidArgument);
}
