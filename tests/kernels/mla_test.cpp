#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "tests/kernels/mla_case.h"
#include "tests/support/threads.h"

using namespace dsabench;
using namespace dsabench::test;

namespace {

bool same_output(const Tensor& a, const Tensor& b) {
  return std::memcmp(a.view().raw(), b.view().raw(), static_cast<std::size_t>(a.bytes())) == 0;
}

}  // namespace

TEST_CASE("sparse_mla matches the reference on ragged batches") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  for (int trial = 0; trial < 10; ++trial) {
    CAPTURE(trial);
    MlaCase c = random_mla_case(random, trial % 2 == 0 ? 2 : 25);
    c.run_sparse(ctx);
    c.check(false);
  }
}

TEST_CASE("attention reads latents out of shuffled blocks, bit for bit as in order") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  for (int trial = 0; trial < 8; ++trial) {
    CAPTURE(trial);
    MlaCase c = random_mla_case(random, trial % 2 == 0 ? 2 : 25);
    c.run_sparse(ctx);
    const Tensor sparse = c.out.clone();
    c.run_dense(ctx);
    const Tensor dense = c.out.clone();
    c.scatter(random);
    c.run_sparse(ctx);
    CHECK(same_output(c.out, sparse));
    c.check(false);
    c.run_dense(ctx);
    CHECK(same_output(c.out, dense));
    c.check(true);
  }
}

TEST_CASE(
    "attention over the fp8 cache is that over the values which it holds, near the exact one") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  for (int trial = 0; trial < 8; ++trial) {
    MlaCase c(random, random.choice<std::int64_t>({1, 8}),
              random.choice<std::int64_t>({5, 64, 129, 512}), random.choice<std::int64_t>({2, 64}),
              random.choice<std::int64_t>({7, 300}),
              {{random.integer(0, 700), random.integer(1, 20)}, {random.integer(0, 90), 1}});
    CAPTURE(trial, c.q_latent.view().shape_string(), c.q_rope.dim(2), c.indices.dim(1));
    c.run_sparse(ctx);
    const Tensor sparse = c.out.clone();
    c.run_dense(ctx);
    const Tensor dense = c.out.clone();
    c.quantise();
    if (trial % 2 == 1) c.scatter(random);
    const auto near = [&](const Tensor& exact) {
      for (const ops::SequenceSpan& span : c.spans) {
        check_close(c.out.view().rows(span.row_begin, span.num_rows),
                    exact.view().rows(span.row_begin, span.num_rows), 0.15);
      }
    };
    c.run_sparse(ctx);
    c.check(false);
    near(sparse);
    c.run_dense(ctx);
    c.check(true);
    near(dense);
  }
}

TEST_CASE("sparse_mla splits a decode's picks without a seam") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  MlaCase c(random, 8, 32, 8, 1500, {{2500, 1}, {100, 1}, {0, 1}});
  c.run_sparse(ctx);
  c.check(false);
}

TEST_CASE("sparse_mla gives zeros to a row that selects nothing") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  MlaCase c(random, 4, 16, 4, 9, {{30, 12}});
  const std::int64_t row = c.spans[0].row_begin + 5;
  std::fill_n(c.indices.view().row<std::int32_t>(row), 9, -1);
  c.run_sparse(ctx);
  c.check(false);
  const float* out = c.out.view().row<float>(row);
  CHECK(std::all_of(out, out + 4 * 16, [](float value) { return value == 0.0f; }));
}

TEST_CASE("sparse_mla takes positions in place of the spans' own") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  MlaCase c(random, 3, 16, 4, 30, {{100, 4}, {7, 2}});
  c.place(random);
  auto* picks = c.indices.view().row<std::int32_t>(c.spans[0].row_begin);
  c.positions.data<std::int32_t>()[c.spans[0].row_begin] = 103;  // beyond what the span says
  std::replace(picks, picks + 30, 103, -1);
  picks[4] = 103;
  c.run_sparse(ctx);
  c.check(false);
  c.positions.data<std::int32_t>()[c.spans[0].row_begin] = 102;
  CHECK_THROWS_AS(c.run_sparse(ctx), InvalidArgument);
  c.positions.data<std::int32_t>()[c.spans[0].row_begin] = 104;
  CHECK_THROWS_AS(c.run_sparse(ctx), InvalidArgument);
}

TEST_CASE("dense_mla matches the reference on ragged batches") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  for (int trial = 0; trial < 8; ++trial) {
    CAPTURE(trial);
    MlaCase c = random_mla_case(random, trial % 2 == 0 ? 2 : 40);
    c.run_dense(ctx);
    c.check(true);
  }
  MlaCase split(random, 2, 16, 4, 1, {{5000, 1}, {2047, 2}, {0, 1}});
  split.run_dense(ctx);
  split.check(true);
}

TEST_CASE("sparse_mla over every causal key is dense_mla") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  MlaCase c(random, 5, 32, 8, 400, {{350, 30}});
  for (std::int64_t i = 0; i < 30; ++i) {
    auto* row = c.indices.view().row<std::int32_t>(c.spans[0].row_begin + i);
    std::iota(row, row + 351 + i, 0);
    std::fill(row + 351 + i, row + 400, -1);
  }
  c.run_dense(ctx);
  const Tensor dense = c.out.clone();
  c.run_sparse(ctx);
  check_close(c.out.view().rows(c.spans[0].row_begin, 30), dense.view().rows(MlaCase::kGap, 30),
              3e-6);
}

TEST_CASE("both attentions survive large and widely spread scores") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  MlaCase c(random, 3, 16, 4, 200, {{600, 9}, {900, 1}});
  c.scale = 40.0f;  // scores in the hundreds: exp would overflow without the running maximum
  c.run_sparse(ctx);
  c.check(false, 1e-3);
  c.run_dense(ctx);
  c.check(true, 1e-3);
}

TEST_CASE("both attentions repeat bit for bit on any number of threads") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  for (const std::int64_t rows : {1, 33}) {
    MlaCase c(random, 8, 32, 8, 700, {{1500, rows}, {4000, 1}});
    c.run_sparse(ctx);
    const Tensor sparse = c.out.clone();
    c.run_dense(ctx);
    const Tensor dense = c.out.clone();
    for (int repeat = 0; repeat < 20; ++repeat) {
      const ThreadCount threads(1 + repeat % 3);
      c.run_sparse(ctx);
      REQUIRE(same_output(c.out, sparse));
      c.run_dense(ctx);
      REQUIRE(same_output(c.out, dense));
    }
  }
}

TEST_CASE("attention of a chunk equals the one-shot rows") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  MlaCase c(random, 4, 32, 8, 50, {{0, 60}});
  c.run_sparse(ctx);
  const Tensor sparse = c.out.clone();
  c.run_dense(ctx);
  const Tensor dense = c.out.clone();
  const std::int64_t begin = c.spans[0].row_begin;
  c.spans[0] = {begin + 41, 7, 41};
  c.run_sparse(ctx);
  check_close(c.out.view().rows(begin + 41, 7), sparse.view().rows(begin + 41, 7), 3e-6);
  c.run_dense(ctx);
  check_close(c.out.view().rows(begin + 41, 7), dense.view().rows(begin + 41, 7), 3e-6);
}

TEST_CASE("attention reads strided queries") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  MlaCase c(random, 4, 16, 8, 20, {{40, 10}});
  c.run_sparse(ctx);
  const Tensor expected = c.out.clone();
  const std::int64_t tokens = c.q_rope.dim(0);
  // The rotary part as the engine has it: the last columns of each head of a wider projection.
  Tensor projection(DType::f32, {tokens, 4, 24});
  projection.poison();
  const TensorView rope = projection.view().columns(16, 8);
  for (std::int64_t t = 0; t < tokens; ++t) {
    for (std::int64_t h = 0; h < 4; ++h) {
      std::copy_n(c.q_rope.view().row<float>(t) + h * 8, 8, rope.row<float>(t) + h * 24);
    }
  }
  const std::vector<ops::LatentSequence> list = c.sequences();
  c.out.poison();
  ops::sparse_mla(ctx, {.q_latent = c.q_latent.view(),
                        .q_rope = rope,
                        .indices = c.indices.view(),
                        .sequences = list,
                        .out = c.out.view(),
                        .scale = c.scale});
  CHECK(same_output(c.out, expected));
}

TEST_CASE("sparse_mla names an index that is not causal") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  MlaCase c(random, 2, 8, 4, 6, {{20, 5}});
  const std::int64_t row = c.spans[0].row_begin + 3;
  for (const std::int32_t bad : {24, 1000, -2}) {
    c.indices.view().row<std::int32_t>(row)[4] = bad;
    std::string message;
    try {
      c.run_sparse(ctx);
    } catch (const InvalidArgument& error) {
      message = error.what();
    }
    INFO(message);
    CHECK(message.find("row " + std::to_string(row)) != std::string::npos);
    CHECK(message.find(std::to_string(bad)) != std::string::npos);
  }
  c.indices.view().row<std::int32_t>(row)[4] = 23;  // the query itself
  CHECK_NOTHROW(c.run_sparse(ctx));
}

TEST_CASE("attention rejects what does not fit") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  MlaCase c(random, 2, 8, 4, 6, {{20, 5}});
  Tensor wrong(DType::f32, {3, 3});
  SECTION("latents of another width") { c.latents[0] = Tensor(DType::f32, {40, 11}); }
  SECTION("a cache that is too short") { c.latents[0] = Tensor(DType::f32, {24, 12}); }
  SECTION("rows beyond the batch") { c.spans[0].num_rows = 50; }
  SECTION("a negative position") { c.spans[0].first_position = -1; }
  SECTION("heads of another number") { c.q_rope = random.normal_tensor({7, 3, 4}); }
  SECTION("an output of another dtype") { c.out = Tensor(DType::i32, {7, 2, 8}); }
  SECTION("blocks beyond the cache") {
    c.scatter(random);
    c.pool = Tensor(DType::f32, {0, 12});
  }
  CHECK_THROWS_AS(c.run_sparse(ctx), InvalidArgument);
  CHECK_THROWS_AS(c.run_dense(ctx), InvalidArgument);
}
