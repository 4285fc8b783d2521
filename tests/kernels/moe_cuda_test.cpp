#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "kernels/ops/moe_experts.h"
#include "kernels/ops/moe_router.h"
#include "kernels/reference/moe.h"
#include "tests/support/compare.h"
#include "tests/support/cuda_test.h"

using namespace dsabench;
using namespace dsabench::test;

namespace {

struct ExpertsCase {
  ExpertsCase(Random& random, DType dtype, std::int64_t tokens, std::int64_t top_n,
              std::int64_t num_experts, std::int64_t hidden, std::int64_t intermediate)
      : x(random.normal_tensor({tokens, hidden})),
        experts(random.integer_tensor({tokens, top_n}, 0, num_experts - 1)),
        weights(DType::f32, {tokens, top_n}),
        gate_up(random.normal_tensor({num_experts, 2 * intermediate, hidden}, 0.2)),
        down(random.normal_tensor({num_experts, hidden, intermediate}, 0.2)) {
    round_to(dtype, x);
    round_to(dtype, gate_up);
    round_to(dtype, down);
    for (std::int64_t i = 0; i < tokens * top_n; ++i) {
      weights.data<float>()[i] = static_cast<float>(random.uniform(0.1, 1.0));
    }
  }

  std::vector<double> expected(std::int64_t t) const {
    const auto top_n = static_cast<std::size_t>(experts.dim(1));
    return reference::experts_row({x.view().row<float>(t), static_cast<std::size_t>(x.dim(1))},
                                  {experts.view().row<std::int32_t>(t), top_n},
                                  {weights.view().row<float>(t), top_n}, gate_up.view(),
                                  down.view());
  }

  Tensor x, experts, weights, gate_up, down;
};

/// bf16 rounds the activations between the products and the result.
double tolerance(DType dtype) { return dtype == DType::bf16 ? 1e-2 : 1e-5; }

}  // namespace

TEST_CASE("cuda: moe_experts matches the reference, counts its load and repeats bit for bit") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kActivationTypes) {
    for (int trial = 0; trial < 8; ++trial) {
      const std::int64_t tokens = random.choice<std::int64_t>({1, 2, 17, 200});
      const std::int64_t num_experts = random.choice<std::int64_t>({1, 4, 64}),
                         top_n = random.integer(1, 4);
      const std::int64_t hidden = random.choice<std::int64_t>({5, 64, 130, 200}),
                         intermediate = random.choice<std::int64_t>({3, 32, 72, 136});
      CAPTURE(dtype_name(dtype), tokens, num_experts, top_n, hidden, intermediate);
      CudaTest gpu;
      const ExpertsCase c(random, dtype, tokens, top_n, num_experts, hidden, intermediate);
      const CudaRows x(gpu, random, c.x, dtype), out(gpu, dtype, tokens, hidden, 3, 2);
      const TensorView load = gpu.make(DType::i64, {num_experts});
      gpu.fill_bytes(load, 0);
      ops::MoeExpertsArgs args{.x = x.view(),
                               .experts = gpu.put(c.experts),
                               .weights = gpu.put(c.weights),
                               .gate_up = gpu.put(c.gate_up, dtype),
                               .down = gpu.put(c.down, dtype),
                               .out = out.view(),
                               .load = load};
      ops::moe_experts(gpu.ctx, args);
      const Tensor got = out.get(), counts = gpu.get(load);
      CHECK(out.surroundings_intact());
      for (std::int64_t t = 0; t < tokens; t += 1 + tokens / 20) {
        check_close(got.view().rows(t, 1), c.expected(t), tolerance(dtype));
      }
      std::vector<std::int64_t> want(static_cast<std::size_t>(num_experts));
      for (std::int64_t i = 0; i < tokens * top_n; ++i) {
        ++want[static_cast<std::size_t>(c.experts.data<std::int32_t>()[i])];
      }
      CHECK(std::equal(want.begin(), want.end(), counts.data<std::int64_t>()));
      args.out = gpu.make(dtype, {tokens, hidden});
      args.load = {};
      check_repeats(gpu, args.out, [&] { ops::moe_experts(gpu.ctx, args); });
    }
  }
}

TEST_CASE("cuda: moe_experts with ragged loads, in the sizes of warpgroup products") {
  DSABENCH_SEEDED(random);
  struct Shape {
    std::int64_t hidden, intermediate, top_n;
    std::vector<std::int64_t> loads;
  };
  // Loads around the 64 rows of a warpgroup and the 192 of a tile; idle experts; one with all.
  const std::vector<Shape> shapes = {
      {64, 64, 1, {0, 1, 63, 64, 65, 127, 128, 129, 0, 191, 192, 193}},
      {128, 64, 3, {0, 0, 1500, 0}},
      {128, 320, 2, {385, 1, 0, 256, 257, 319, 320, 321, 577, 0}},
      {192, 320, 4, {64, 64}},
      {576, 192, 2, {1, 127, 129, 3, 2, 0, 0, 448}},
      {192, 1536, 1, {130}},
      {2048, 1536, 2, {129, 0, 321}},
  };
  for (const Shape& shape : shapes) {
    const auto num_experts = static_cast<std::int64_t>(shape.loads.size());
    std::vector<std::int32_t> pairs;
    for (std::int64_t e = 0; e < num_experts; ++e) {
      pairs.insert(pairs.end(), static_cast<std::size_t>(shape.loads[static_cast<std::size_t>(e)]),
                   static_cast<std::int32_t>(e));
    }
    for (std::size_t i = pairs.size() - 1; i > 0; --i) {
      std::swap(pairs[i],
                pairs[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(i)))]);
    }
    const std::int64_t tokens = static_cast<std::int64_t>(pairs.size()) / shape.top_n;
    REQUIRE(tokens * shape.top_n == static_cast<std::int64_t>(pairs.size()));
    CAPTURE(shape.hidden, shape.intermediate, shape.top_n, num_experts, tokens);
    CudaTest gpu;
    ExpertsCase c(random, DType::bf16, tokens, shape.top_n, num_experts, shape.hidden,
                  shape.intermediate);
    std::copy(pairs.begin(), pairs.end(), c.experts.data<std::int32_t>());
    // Rows wider than the matrix and aligned; NaN around them.
    Tensor wide(DType::f32, {tokens, shape.hidden + 16});
    wide.poison();
    for (std::int64_t t = 0; t < tokens; ++t) {
      std::copy_n(c.x.view().row<float>(t), shape.hidden, wide.view().row<float>(t) + 8);
    }
    const CudaRows out(gpu, DType::bf16, tokens, shape.hidden, 8, 8);
    const TensorView load = gpu.make(DType::i64, {num_experts});
    gpu.fill_bytes(load, 0);
    ops::MoeExpertsArgs args{.x = gpu.put(wide, DType::bf16).columns(8, shape.hidden),
                             .experts = gpu.put(c.experts),
                             .weights = gpu.put(c.weights),
                             .gate_up = gpu.put(c.gate_up, DType::bf16),
                             .down = gpu.put(c.down, DType::bf16),
                             .out = out.view(),
                             .load = load};
    ops::moe_experts(gpu.ctx, args);
    const Tensor got = out.get(), counts = gpu.get(load);
    CHECK(out.surroundings_intact());
    CHECK(std::equal(shape.loads.begin(), shape.loads.end(), counts.data<std::int64_t>()));
    const std::int64_t samples = shape.hidden * shape.intermediate > 1000000 ? 20 : 200;
    for (std::int64_t t = 0; t < tokens; t += 1 + tokens / samples) {
      CAPTURE(t);
      check_close(got.view().rows(t, 1), c.expected(t), tolerance(DType::bf16));
    }
    args.out = gpu.make(DType::bf16, {tokens, shape.hidden});
    args.load = {};
    check_repeats(gpu, args.out, [&] { ops::moe_experts(gpu.ctx, args); });
  }
}

TEST_CASE("cuda: moe_experts gives a token the same bits wherever it stands in a large call") {
  DSABENCH_SEEDED(random);
  constexpr std::int64_t kTokens = 700, kHidden = 320, kTopN = 2, kShift = 37;
  CudaTest gpu;
  const ExpertsCase c(random, DType::bf16, kTokens, kTopN, 6, kHidden, 128);
  const TensorView x = gpu.put(c.x, DType::bf16), experts = gpu.put(c.experts),
                   weights = gpu.put(c.weights), gate_up = gpu.put(c.gate_up, DType::bf16),
                   down = gpu.put(c.down, DType::bf16);
  const auto run = [&](std::int64_t first) {
    const TensorView out = gpu.make(DType::bf16, {kTokens - first, kHidden});
    const auto tail = [&](const TensorView& all) { return all.rows(first, kTokens - first); };
    ops::moe_experts(gpu.ctx, {.x = tail(x),
                               .experts = tail(experts),
                               .weights = tail(weights),
                               .gate_up = gate_up,
                               .down = down,
                               .out = out,
                               .load = {}});
    return gpu.bytes(out);
  };
  const Tensor all = run(0), tail = run(kShift);
  CHECK(std::memcmp(all.view().rows(kShift, kTokens - kShift).raw(), tail.view().raw(),
                    static_cast<std::size_t>(tail.bytes())) == 0);
}

TEST_CASE("cuda: moe_experts in chunks, one expert taking nearly all") {
  DSABENCH_SEEDED(random);
  constexpr std::int64_t kTokens = 20000;
  for (const DType dtype : kActivationTypes) {
    for (const auto& [hidden, intermediate] : {std::pair{24, 16}, std::pair{64, 64}}) {
      CAPTURE(dtype_name(dtype), hidden, intermediate);
      CudaTest gpu;
      ExpertsCase c(random, dtype, kTokens, 2, 5, hidden, intermediate);
      for (std::int64_t t = 0; t < kTokens; ++t) c.experts.view().row<std::int32_t>(t)[0] = 3;
      const TensorView out = gpu.make(dtype, {kTokens, hidden}), load = gpu.make(DType::i64, {5});
      gpu.fill_bytes(load, 0);
      ops::moe_experts(gpu.ctx, {.x = gpu.put(c.x, dtype),
                                 .experts = gpu.put(c.experts),
                                 .weights = gpu.put(c.weights),
                                 .gate_up = gpu.put(c.gate_up, dtype),
                                 .down = gpu.put(c.down, dtype),
                                 .out = out,
                                 .load = load});
      const Tensor got = gpu.get(out), counts = gpu.get(load);
      for (std::int64_t t = 0; t < kTokens; t += 37) {
        check_close(got.view().rows(t, 1), c.expected(t), tolerance(dtype));
      }
      std::int64_t total = 0;
      for (int e = 0; e < 5; ++e) total += counts.data<std::int64_t>()[e];
      CHECK(total == 2 * kTokens);
    }
  }
}

TEST_CASE("cuda: moe_experts shows an expert that does not exist as NaN") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kActivationTypes) {
    for (const std::int64_t tokens : {6, 300}) {
      CAPTURE(dtype_name(dtype), tokens);
      CudaTest gpu;
      ExpertsCase c(random, dtype, tokens, 2, 4, 64, 64);
      c.experts.view().row<std::int32_t>(2)[1] = 4;
      c.experts.view().row<std::int32_t>(5)[0] = -1;
      const TensorView out = gpu.make(dtype, {tokens, 64});
      ops::moe_experts(gpu.ctx, {.x = gpu.put(c.x, dtype),
                                 .experts = gpu.put(c.experts),
                                 .weights = gpu.put(c.weights),
                                 .gate_up = gpu.put(c.gate_up, dtype),
                                 .down = gpu.put(c.down, dtype),
                                 .out = out,
                                 .load = {}});
      const Tensor got = gpu.get(out);
      for (std::int64_t t = 0; t < tokens; ++t) {
        if (t == 2 || t == 5) {
          for (int i = 0; i < 64; ++i) CHECK(std::isnan(got.view().row<float>(t)[i]));
        } else {
          check_close(got.view().rows(t, 1), c.expected(t), tolerance(dtype));
        }
      }
    }
  }
}

TEST_CASE("cuda: moe_experts of unknown experts alone is NaN throughout") {
  DSABENCH_SEEDED(random);
  CudaTest gpu;
  ExpertsCase c(random, DType::bf16, 100, 2, 3, 64, 64);
  for (std::int64_t i = 0; i < 200; ++i) c.experts.data<std::int32_t>()[i] = i % 2 == 0 ? 3 : -7;
  const TensorView out = gpu.make(DType::bf16, {100, 64});
  gpu.fill_bytes(out, 0);
  ops::moe_experts(gpu.ctx, {.x = gpu.put(c.x, DType::bf16),
                             .experts = gpu.put(c.experts),
                             .weights = gpu.put(c.weights),
                             .gate_up = gpu.put(c.gate_up, DType::bf16),
                             .down = gpu.put(c.down, DType::bf16),
                             .out = out,
                             .load = {}});
  const Tensor got = gpu.get(out);
  for (std::int64_t i = 0; i < 100 * 64; ++i) REQUIRE(std::isnan(got.data<float>()[i]));
}

TEST_CASE("cuda: moe_router matches the reference, ties by lower index") {
  DSABENCH_SEEDED(random);
  for (int trial = 0; trial < 16; ++trial) {
    const std::int64_t tokens = random.integer(1, 200), top_n = random.integer(1, 8);
    const std::int64_t num_experts = random.choice<std::int64_t>({16, 64, 256});
    const std::int64_t groups = trial % 3 == 0 ? 1 : random.choice<std::int64_t>({2, 4, 8});
    const std::int64_t group_size = num_experts / groups;
    const std::int64_t topk_groups = random.integer((top_n + group_size - 1) / group_size, groups);
    CAPTURE(tokens, num_experts, top_n, groups, topk_groups);
    CudaTest gpu;
    Tensor logits = random.normal_tensor({tokens, num_experts});
    Tensor bias = random.normal_tensor({num_experts}, 0.1);
    const bool tied = trial % 4 == 3;
    if (tied) {
      for (std::int64_t i = 0; i < tokens * num_experts; ++i) {
        logits.data<float>()[i] = static_cast<float>(random.integer(0, 1));
      }
      bias.fill_bytes(0);
    }
    const CudaRows experts(gpu, DType::i32, tokens, top_n, 1, 1),
        weights(gpu, DType::f32, tokens, top_n, 1, 1);
    ops::moe_router(gpu.ctx, {.logits = CudaRows(gpu, random, logits, DType::f32).view(),
                              .bias = gpu.put(bias),
                              .experts = experts.view(),
                              .weights = weights.view(),
                              .num_groups = groups,
                              .topk_groups = topk_groups,
                              .normalize = trial % 2 == 0,
                              .routed_scale = 1.5f});
    const Tensor got = experts.get(), got_weights = weights.get();
    CHECK(experts.surroundings_intact());
    CHECK(weights.surroundings_intact());
    std::int64_t compared = 0;
    for (std::int64_t t = 0; t < tokens; ++t) {
      const auto count = static_cast<std::size_t>(num_experts);
      const reference::RouterChoice want =
          reference::route_row({logits.view().row<float>(t), count}, {bias.data<float>(), count},
                               {top_n, groups, topk_groups, trial % 2 == 0, 1.5});
      if (want.margin < 1e-6 && !tied) continue;
      ++compared;
      const auto* row = got.view().row<std::int32_t>(t);
      REQUIRE(std::vector<std::int32_t>(row, row + top_n) == want.experts);
      check_close(got_weights.view().rows(t, 1), want.weights, 2e-6);
    }
    CHECK(compared >= tokens * 9 / 10 - 2);
  }
}
