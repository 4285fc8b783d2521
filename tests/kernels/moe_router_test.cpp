#include "kernels/ops/moe_router.h"

#include <cmath>

#include "kernels/reference/moe.h"
#include "tests/support/catch.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

using namespace dsabench;
using namespace dsabench::test;

namespace {

struct RouterCase {
  RouterCase(Random& random, std::int64_t tokens, std::int64_t num_experts, std::int64_t top_n)
      : logits(random.normal_tensor({tokens, num_experts})),
        bias(random.normal_tensor({num_experts}, 0.1)),
        experts(DType::i32, {tokens, top_n}),
        weights(DType::f32, {tokens, top_n}) {}

  void run() {
    experts.fill_bytes(0x7e);
    weights.poison();
    ops::moe_router(Context(), {.logits = logits.view(),
                                .bias = bias.view(),
                                .experts = experts.view(),
                                .weights = weights.view(),
                                .num_groups = groups,
                                .topk_groups = topk_groups,
                                .normalize = normalize,
                                .routed_scale = routed_scale});
  }

  std::vector<std::int32_t> chosen(std::int64_t token) const {
    const auto* row = experts.view().row<std::int32_t>(token);
    return {row, row + experts.dim(1)};
  }

  Tensor logits, bias, experts, weights;
  std::int64_t groups = 1, topk_groups = 1;
  bool normalize = true;
  float routed_scale = 1.0f;
};

}  // namespace

TEST_CASE("moe_router matches the reference") {
  DSABENCH_SEEDED(random);
  for (int trial = 0; trial < 12; ++trial) {
    const std::int64_t top_n = random.integer(1, 8);
    RouterCase c(random, random.integer(1, 300), random.choice<std::int64_t>({16, 64, 256}), top_n);
    c.groups = trial % 3 == 0 ? 1 : random.choice<std::int64_t>({2, 4, 8});
    const std::int64_t group_size = c.logits.dim(1) / c.groups;
    c.topk_groups = random.integer((top_n + group_size - 1) / group_size, c.groups);
    c.normalize = trial % 2 == 0;
    c.routed_scale = static_cast<float>(random.uniform(0.5, 3.0));
    CAPTURE(trial, c.logits.dim(0), c.logits.dim(1), top_n, c.groups, c.topk_groups);
    c.run();
    std::int64_t skipped = 0;
    for (std::int64_t t = 0; t < c.logits.dim(0); ++t) {
      const auto num_experts = static_cast<std::size_t>(c.logits.dim(1));
      const reference::RouterChoice expected = reference::route_row(
          {c.logits.view().row<float>(t), num_experts}, {c.bias.data<float>(), num_experts},
          {top_n, c.groups, c.topk_groups, c.normalize, static_cast<double>(c.routed_scale)});
      if (expected.margin < 1e-6) {
        ++skipped;
        continue;
      }
      REQUIRE(c.chosen(t) == expected.experts);
      check_close(c.weights.view().rows(t, 1), expected.weights, 2e-6);
    }
    CHECK(static_cast<double>(skipped) <=
          std::max(2.0, 0.05 * static_cast<double>(c.logits.dim(0))));
  }
}

TEST_CASE("moe_router gives ties to the lower index") {
  DSABENCH_SEEDED(random);
  RouterCase c(random, 5, 32, 6);
  c.logits.fill_bytes(0);
  c.bias.fill_bytes(0);
  SECTION("without groups") {
    c.run();
    CHECK(c.chosen(4) == std::vector<std::int32_t>{0, 1, 2, 3, 4, 5});
  }
  SECTION("groups too") {
    c.groups = 8;
    c.topk_groups = 2;
    c.run();
    CHECK(c.chosen(0) == std::vector<std::int32_t>{0, 1, 2, 3, 4, 5});
  }
  SECTION("below a better expert") {
    c.bias.data<float>()[9] = 0.5f;
    c.run();
    CHECK(c.chosen(1) == std::vector<std::int32_t>{9, 0, 1, 2, 3, 4});
  }
}

TEST_CASE("the router's bias chooses and does not weigh") {
  DSABENCH_SEEDED(random);
  RouterCase c(random, 3, 8, 2);
  c.logits.fill_bytes(0);
  c.bias.fill_bytes(0);
  c.bias.data<float>()[6] = 5.0f;
  c.logits.view().row<float>(1)[3] = 2.0f;
  c.normalize = false;
  c.run();
  CHECK(c.chosen(1) == std::vector<std::int32_t>{6, 3});
  CHECK(std::fabs(c.weights.view().row<float>(1)[0] - 0.5f) <= 1e-6f);
  CHECK(std::fabs(c.weights.view().row<float>(1)[1] - 1 / (1 + std::exp(-2.0f))) <= 1e-6f);
}

TEST_CASE("a group is scored by its two best experts") {
  DSABENCH_SEEDED(random);
  RouterCase c(random, 1, 8, 2);
  c.logits.fill_bytes(0);
  c.groups = 2;
  c.topk_groups = 1;
  // The single best expert sits in the first group, the better pair in the second.
  const std::vector<float> bias = {1.0f, 0.0f, 0.0f, 0.0f, 0.8f, 0.7f, 0.0f, 0.0f};
  std::copy(bias.begin(), bias.end(), c.bias.data<float>());
  c.run();
  CHECK(c.chosen(0) == std::vector<std::int32_t>{4, 5});
}

TEST_CASE("moe_router puts NaN last") {
  DSABENCH_SEEDED(random);
  RouterCase c(random, 1, 8, 7);
  for (const int e : {0, 3}) c.logits.data<float>()[e] = std::nanf("");
  c.run();
  std::vector<std::int32_t> chosen = c.chosen(0);
  CHECK(chosen.back() == 0);
  CHECK(std::find(chosen.begin(), chosen.end(), 3) == chosen.end());
}

TEST_CASE("moe_router rejects what does not fit") {
  DSABENCH_SEEDED(random);
  RouterCase c(random, 2, 12, 3);
  SECTION("groups that do not divide") { c.groups = 5; }
  SECTION("no groups") { c.groups = 0; }
  SECTION("groups of one expert") { c.groups = 12; }
  SECTION("more groups chosen than there are") { c.topk_groups = 2; }
  SECTION("more experts than remain") {
    c.groups = 6;
    c.topk_groups = 1;
  }
  SECTION("bias of another size") { c.bias = random.normal_tensor({11}); }
  SECTION("weights of another shape") { c.weights = random.normal_tensor({2, 4}); }
  CHECK_THROWS_AS(c.run(), InvalidArgument);
}
