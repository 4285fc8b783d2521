#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "kernels/ops/dense_mla.h"
#include "kernels/ops/sparse_mla.h"
#include "kernels/reference/attention.h"
#include "tests/support/catch.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"
#include "tests/support/threads.h"

using namespace dsabench;
using namespace dsabench::test;

namespace {

/// A random batch of ragged sequences for either attention, with rows between them that belong to
/// none, and a random selection with -1 strewn in.
struct MlaCase {
  static constexpr std::int64_t kGap = 1;

  MlaCase(Random& random, std::int64_t heads, std::int64_t latent, std::int64_t rope,
          std::int64_t top_k, const std::vector<std::pair<std::int64_t, std::int64_t>>& pieces) {
    std::int64_t tokens = kGap;
    for (const auto& [first, rows] : pieces) {
      spans.push_back({tokens, rows, first});
      tokens += rows + kGap;
      latents.push_back(random.normal_tensor({first + rows + 2, latent + rope}));
    }
    q_latent = random.normal_tensor({tokens, heads, latent});
    q_rope = random.normal_tensor({tokens, heads, rope});
    out = Tensor(DType::f32, {tokens, heads, latent});
    indices = Tensor(DType::i32, {tokens, top_k});
    indices.fill_bytes(0x7e);
    scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(latent + rope)));
    for (const ops::SequenceSpan& span : spans) {
      for (std::int64_t i = 0; i < span.num_rows; ++i) pick(random, span, i);
    }
  }

  void pick(Random& random, const ops::SequenceSpan& span, std::int64_t i) {
    std::vector<std::int32_t> positions = reference::causal_positions(span.first_position + i);
    for (std::size_t j = positions.size(); j > 1; --j) {
      std::swap(
          positions[j - 1],
          positions[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(j) - 1))]);
    }
    auto* row = indices.view().row<std::int32_t>(span.row_begin + i);
    std::size_t next = 0;
    for (std::int64_t j = 0; j < indices.dim(1); ++j) {
      const bool empty = next == positions.size() || random.integer(0, 9) == 0;
      row[j] = empty ? -1 : positions[next++];
    }
  }

  std::vector<ops::LatentSequence> sequences() const {
    std::vector<ops::LatentSequence> list;
    for (std::size_t i = 0; i < spans.size(); ++i) list.push_back({spans[i], latents[i].view()});
    return list;
  }

  void run_sparse(const Context& ctx) {
    out.poison();
    const std::vector<ops::LatentSequence> list = sequences();
    ops::sparse_mla(ctx, {.q_latent = q_latent.view(),
                          .q_rope = q_rope.view(),
                          .indices = indices.view(),
                          .sequences = list,
                          .out = out.view(),
                          .scale = scale});
  }
  void run_dense(const Context& ctx) {
    out.poison();
    const std::vector<ops::LatentSequence> list = sequences();
    ops::dense_mla(ctx, {.q_latent = q_latent.view(),
                         .q_rope = q_rope.view(),
                         .sequences = list,
                         .out = out.view(),
                         .scale = scale});
  }

  /// Compares with the reference over the selection, or over every causal key where `dense`.
  void check(bool dense, double tolerance = 3e-6) const {
    std::vector<bool> covered(static_cast<std::size_t>(out.dim(0)), false);
    for (std::size_t s = 0; s < spans.size(); ++s) {
      for (std::int64_t i = 0; i < spans[s].num_rows; ++i) {
        const std::int64_t row = spans[s].row_begin + i;
        covered[static_cast<std::size_t>(row)] = true;
        const auto* begin = indices.view().row<std::int32_t>(row);
        std::vector<std::int32_t> selected(begin, begin + indices.dim(1));
        if (dense) selected = reference::causal_positions(spans[s].first_position + i);
        INFO("sequence " << s << " row " << i);
        check_close(out.view().rows(row, 1),
                    reference::attention_row(q_latent.view(), q_rope.view(), row, latents[s].view(),
                                             selected, static_cast<double>(scale)),
                    tolerance);
      }
    }
    for (std::int64_t row = 0; row < out.dim(0); ++row) {
      if (!covered[static_cast<std::size_t>(row)]) {
        CHECK(std::isnan(out.view().row<float>(row)[0]));
      }
    }
  }

  std::vector<ops::SequenceSpan> spans;
  Tensor q_latent, q_rope, indices, out;
  std::vector<Tensor> latents;
  float scale = 1.0f;
};

MlaCase random_case(Random& random, std::int64_t max_rows) {
  std::vector<std::pair<std::int64_t, std::int64_t>> pieces;
  for (std::int64_t s = random.integer(1, 3); s > 0; --s) {
    pieces.emplace_back(random.integer(0, 700), random.integer(1, max_rows));
  }
  return {random,
          random.choice<std::int64_t>({1, 3, 8, 20}),
          random.choice<std::int64_t>({4, 32, 65}),
          random.choice<std::int64_t>({2, 8}),
          random.choice<std::int64_t>({1, 7, 64, 300, 600}),
          pieces};
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  return std::memcmp(a.view().raw(), b.view().raw(), static_cast<std::size_t>(a.bytes())) == 0;
}

}  // namespace

TEST_CASE("sparse_mla matches the reference on ragged batches") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  for (int trial = 0; trial < 10; ++trial) {
    CAPTURE(trial);
    MlaCase c = random_case(random, trial % 2 == 0 ? 2 : 25);
    c.run_sparse(ctx);
    c.check(false);
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

TEST_CASE("dense_mla matches the reference on ragged batches") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  for (int trial = 0; trial < 8; ++trial) {
    CAPTURE(trial);
    MlaCase c = random_case(random, trial % 2 == 0 ? 2 : 40);
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
      REQUIRE(same_bytes(c.out, sparse));
      c.run_dense(ctx);
      REQUIRE(same_bytes(c.out, dense));
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
  CHECK(same_bytes(c.out, expected));
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
  CHECK_THROWS_AS(c.run_sparse(ctx), InvalidArgument);
  CHECK_THROWS_AS(c.run_dense(ctx), InvalidArgument);
}
