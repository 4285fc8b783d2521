#include "kernels/ops/indexer_topk.h"

#include <cstring>
#include <limits>

#include "tests/kernels/indexer_case.h"
#include "tests/support/catch.h"
#include "tests/support/threads.h"

using namespace dsabench;
using namespace dsabench::test;

namespace {

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.bytes() == b.bytes() && std::memcmp(a.view().raw(), b.view().raw(), a.bytes()) == 0;
}

/// One sequence of `rows` queries that follow `first` cached keys.
IndexerCase one_sequence(Random& random, std::int64_t top_k, std::int64_t first,
                         std::int64_t rows) {
  return {random, 4, 16, top_k, {{first, rows}}};
}

}  // namespace

TEST_CASE("indexer_topk finds the reference's sets on ragged batches") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  for (int trial = 0; trial < 8; ++trial) {
    const std::int64_t heads = random.choice<std::int64_t>({1, 3, 8, 32});
    const std::int64_t dim = random.choice<std::int64_t>({4, 17, 64, 128});
    const std::int64_t top_k = random.choice<std::int64_t>({1, 5, 64, 130});
    const bool fp8 = trial % 2 == 1;
    CAPTURE(trial, heads, dim, top_k, fp8);
    std::vector<IndexerCase::Piece> pieces;
    for (std::int64_t s = random.integer(1, 4); s > 0; --s) {
      pieces.push_back({random.integer(0, 700), random.integer(1, 40)});
    }
    IndexerCase c(random, heads, dim, top_k, pieces, fp8);
    c.run(ctx);
    check_indexer_case(c);
  }
}

TEST_CASE("indexer_topk reads keys out of shuffled blocks, bit for bit as in order") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  for (const bool fp8 : {false, true}) {
    // Whole tiles and ragged ends, a chunk and decoding; ends on and beside a block's border.
    IndexerCase c(random, 4, 32, 50, {{700, 30}, {random.integer(0, 300), 20}, {2303, 1}, {63, 1}},
                  fp8);
    CAPTURE(fp8);
    c.run(ctx);
    const Tensor indices = c.indices.clone(), margins = c.margins.clone();
    c.scatter(random);
    c.run(ctx);
    CHECK(same_bytes(c.indices, indices));
    CHECK(same_bytes(c.margins, margins));
    check_indexer_case(c);
  }
}

TEST_CASE("indexer_topk takes positions in place of the spans' own") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  for (const bool fp8 : {false, true}) {
    IndexerCase c(random, 4, 32, 40, {{300, 4}, {0, 1}, {20, 7}}, fp8);
    c.run(ctx);
    const Tensor indices = c.indices.clone();
    c.place(random);
    c.run(ctx);
    check_indexer_case(c, 3e-6, 0.3);
    CHECK(std::memcmp(c.indices.view().raw(), indices.view().raw(),
                      static_cast<std::size_t>(indices.bytes())) != 0);
    CHECK(c.runs == 2);
    for (const std::int32_t wrong : {-1, 304}) {
      CAPTURE(wrong);
      c.positions.data<std::int32_t>()[c.spans[0].row_begin + 2] = wrong;
      CHECK_THROWS_AS(c.run(ctx), InvalidArgument);
    }
    c.positions = Tensor(DType::i32, {3});
    CHECK_THROWS_AS(c.run(ctx), InvalidArgument);
  }
}

TEST_CASE("indexer_topk refuses a table that is too short or names no block of the cache") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  IndexerCase c = one_sequence(random, 5, 100, 40);
  c.scatter(random);
  std::vector<ops::IndexerSequence> sequences = c.sequences();
  Tensor table = c.scattered->table(0).clone(), other(DType::f32, {3});
  const ops::IndexerTopkArgs args{.q = c.q.view(),
                                  .head_weights = c.head_weights.view(),
                                  .sequences = sequences,
                                  .top_k = c.top_k,
                                  .indices = c.indices.view(),
                                  .margins = {},
                                  .run_counter = &c.runs};
  sequences[0].block_table = table;
  REQUIRE_NOTHROW(ops::indexer_topk(ctx, args));
  SECTION("too short") { sequences[0].block_table = table.view().rows(0, 2); }
  SECTION("of another type") { sequences[0].block_table = other; }
  SECTION("beyond the cache") {
    table.data<std::int32_t>()[2] = static_cast<std::int32_t>(c.pool_keys.dim(0) / 64);
  }
  SECTION("negative") { table.data<std::int32_t>()[1] = -1; }
  CHECK_THROWS_AS(ops::indexer_topk(ctx, args), InvalidArgument);
}

TEST_CASE("indexer_topk is exact around top_k keys") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  for (const std::int64_t top_k : {1, 2, 31, 256, 300}) {
    for (const std::int64_t keys : {top_k - 1, top_k, top_k + 1, 2 * top_k, 5 * top_k + 3}) {
      if (keys < 1) continue;
      CAPTURE(top_k, keys);
      IndexerCase c = one_sequence(random, top_k, keys - 1, 1);
      c.run(ctx);
      check_indexer_case(c);
    }
    IndexerCase prompt = one_sequence(random, top_k, 0, std::min<std::int64_t>(3 * top_k, 400));
    prompt.run(ctx);
    check_indexer_case(prompt);
  }
}

TEST_CASE("indexer_topk reads strided queries and keys") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  IndexerCase c = one_sequence(random, 20, 100, 30);
  c.run(ctx);
  const std::int64_t tokens = c.q.dim(0), heads = 4, dim = 16;
  StridedMatrix q(DType::f32, tokens, heads * dim), keys(DType::f32, c.keys[0].dim(0), dim);
  StridedMatrix weights(DType::f32, tokens, heads), indices(DType::i32, tokens, c.top_k);
  for (std::int64_t t = 0; t < tokens; ++t) {
    std::copy_n(c.q.view().row<float>(t), heads * dim, q.view().row<float>(t));
    std::copy_n(c.head_weights.view().row<float>(t), heads, weights.view().row<float>(t));
  }
  for (std::int64_t s = 0; s < c.keys[0].dim(0); ++s) {
    std::copy_n(c.keys[0].view().row<float>(s), dim, keys.view().row<float>(s));
  }
  const std::vector<ops::IndexerSequence> list = {{c.spans[0], keys.view(), {}}};
  ops::indexer_topk(ctx, {.q = q.view().split_last(heads, dim),
                          .head_weights = weights.view(),
                          .sequences = list,
                          .top_k = c.top_k,
                          .indices = indices.view(),
                          .margins = {},
                          .run_counter = &c.runs});
  CHECK(indices.surroundings_intact());
  for (std::int64_t i = 0; i < c.spans[0].num_rows; ++i) {
    const std::int64_t row = c.spans[0].row_begin + i;
    const auto* got = indices.view().row<std::int32_t>(row);
    const auto* expected = c.indices.view().row<std::int32_t>(row);
    CHECK(std::equal(got, got + c.top_k, expected));
  }
}

TEST_CASE("indexer_topk gives equal scores to the lower position") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  const std::int64_t top_k = random.integer(1, 300), keys = top_k + random.integer(1, 2000);
  CAPTURE(top_k, keys);
  IndexerCase c = one_sequence(random, top_k, keys - 1, 1);
  const std::int64_t row = c.spans[0].row_begin;
  float* weights = c.head_weights.view().row<float>(row);
  SECTION("the ReLU plateau: every product negative") {
    std::fill_n(c.q.view().row<float>(row), 4 * 16, 1.0f);
    std::fill_n(c.keys[0].data<float>(), c.keys[0].view().num_elements(), -1.0f);
  }
  SECTION("negative weights on the plateau: zeros of either sign are equal") {
    for (std::int64_t i = 0; i < c.keys[0].view().num_elements(); ++i) {
      c.keys[0].data<float>()[i] = random.integer(0, 1) == 0 ? -1.0f : 0.0f;
    }
    std::fill_n(c.q.view().row<float>(row), 4 * 16, 1.0f);
    std::fill_n(weights, 4, -1.0f);
  }
  SECTION("all equal and positive") {
    std::fill_n(c.keys[0].data<float>(), c.keys[0].view().num_elements(), 0.5f);
    std::fill_n(weights, 4, 1.0f);
  }
  c.run(ctx);
  std::vector<std::int32_t> expected(static_cast<std::size_t>(top_k));
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<std::int32_t>(i);
  CHECK(c.picked(row) == expected);
  CHECK(c.margins.view().row<float>(row)[0] == 0.0f);
}

TEST_CASE("indexer_topk orders many exact ties as a stable sort does") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  // One head, one dimension, small integers: every score is exact, so sets compare without margin.
  for (int trial = 0; trial < 10; ++trial) {
    const std::int64_t top_k = random.integer(1, 200), keys = top_k + random.integer(1, 3000);
    const std::int64_t levels = random.integer(1, 5);
    CAPTURE(top_k, keys, levels);
    IndexerCase c(random, 1, 1, top_k, {{keys - 1, 1}});
    const std::int64_t row = c.spans[0].row_begin;
    *c.q.view().row<float>(row) = 1.0f;
    *c.head_weights.view().row<float>(row) = trial % 2 == 0 ? 1.0f : -1.0f;
    for (std::int64_t s = 0; s < keys; ++s) {
      c.keys[0].data<float>()[s] = static_cast<float>(random.integer(-1, levels));
    }
    c.run(ctx);
    const std::vector<double> scores = c.reference_scores(0, 0);
    CHECK(c.picked(row) == reference::topk_positions(scores, top_k));
    CHECK(static_cast<double>(c.margins.view().row<float>(row)[0]) ==
          reference::topk_margin(scores, top_k));
  }
}

TEST_CASE("indexer_topk separates narrow rows") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  // Scores 11 + 0.1 * normal, exactly the key: the spread is small beside the value.
  IndexerCase c(random, 1, 1, 128, {{4000, 8}});
  for (std::int64_t i = 0; i < c.q.dim(0); ++i) *c.q.view().row<float>(i) = 1.0f;
  for (std::int64_t i = 0; i < c.q.dim(0); ++i) *c.head_weights.view().row<float>(i) = 1.0f;
  for (std::int64_t s = 0; s < c.keys[0].dim(0); ++s) {
    c.keys[0].data<float>()[s] = static_cast<float>(11.0 + random.normal(0.1));
  }
  c.run(ctx);
  for (std::int64_t i = 0; i < 8; ++i) {
    CHECK(c.picked(c.spans[0].row_begin + i) ==
          reference::topk_positions(c.reference_scores(0, i), c.top_k));
  }
}

TEST_CASE("indexer_topk handles rows whose weights are all negative") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  IndexerCase c = one_sequence(random, 40, 600, 12);
  for (std::int64_t i = 0; i < c.head_weights.view().num_elements(); ++i) {
    c.head_weights.data<float>()[i] = -1.0f - std::fabs(c.head_weights.data<float>()[i]);
  }
  c.run(ctx);
  check_indexer_case(c);
}

TEST_CASE("indexer_topk puts NaN below every number") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  const std::int64_t top_k = 50;
  // Numbers: fewer than top_k, as many, and more; NaN elsewhere.
  for (const std::int64_t numbers : {0, 20, 50, 51, 400}) {
    CAPTURE(numbers);
    IndexerCase c(random, 1, 1, top_k, {{1499, 1}});
    const std::int64_t row = c.spans[0].row_begin;
    *c.q.view().row<float>(row) = 1.0f;
    *c.head_weights.view().row<float>(row) = 1.0f;
    float* keys = c.keys[0].data<float>();
    std::fill_n(keys, 1500, std::numeric_limits<float>::quiet_NaN());
    for (std::int64_t i = 0; i < numbers; ++i) {
      keys[random.integer(0, 1499)] = static_cast<float>(random.uniform(0.5, 1.0));
    }
    c.run(ctx);
    const std::vector<double> scores = c.reference_scores(0, 0);
    CHECK(c.picked(row) == reference::topk_positions(scores, top_k));
    const double margin = reference::topk_margin(scores, top_k);
    const double got = c.margins.view().row<float>(row)[0];
    CHECK(got == std::min(margin, static_cast<double>(ops::kNoMargin)));
  }
}

TEST_CASE("indexer_topk repeats bit for bit, on one thread and on two") {
  DSABENCH_SEEDED(random);
  for (const bool fp8 : {false, true}) {
    IndexerCase c(random, 8, 64, 100, {{300, 70}, {0, 200}, {5000, 1}}, fp8);
    const Context first_ctx;
    c.run(first_ctx);
    const Tensor indices = c.indices.clone(), margins = c.margins.clone();
    for (int repeat = 0; repeat < 20; ++repeat) {
      const ThreadCount threads(1 + repeat % 3);
      const Context ctx;
      c.run(ctx);
      REQUIRE(same_bytes(c.indices, indices));
      REQUIRE(same_bytes(c.margins, margins));
    }
  }
}

TEST_CASE("indexer_topk splits a long decode without changing it") {
  DSABENCH_SEEDED(random);
  // Few queries, many keys: the keys are shared out between threads.
  IndexerCase c(random, 4, 32, 300, {{9000, 1}, {20000, 1}, {100, 1}});
  const Context ctx;
  {
    const ThreadCount one(1);
    c.run(ctx);
  }
  check_indexer_case(c);
  const Tensor indices = c.indices.clone(), margins = c.margins.clone();
  for (const int threads : {2, 3, 8}) {
    const ThreadCount many(threads);
    c.run(ctx);
    CHECK(same_bytes(c.indices, indices));
    CHECK(same_bytes(c.margins, margins));
    c.run(ctx, false);
    CHECK(same_bytes(c.indices, indices));
  }
}

TEST_CASE("indexer_topk of chunks equals one shot") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  IndexerCase c = one_sequence(random, 60, 0, 333);
  c.run(ctx);
  const Tensor whole = c.indices.clone();
  const ops::SequenceSpan span = c.spans[0];
  for (std::int64_t at = 0; at < span.num_rows;) {
    const std::int64_t rows = std::min(random.integer(1, 90), span.num_rows - at);
    c.spans[0] = {span.row_begin + at, rows, at};
    c.run(ctx);
    for (std::int64_t i = 0; i < rows; ++i) {
      const double margin = reference::topk_margin(c.reference_scores(0, i), c.top_k);
      if (margin < 1e-4) continue;
      const auto* got = c.indices.view().row<std::int32_t>(c.spans[0].row_begin + i);
      const auto* expected = whole.view().row<std::int32_t>(c.spans[0].row_begin + i);
      REQUIRE(std::equal(got, got + c.top_k, expected));
    }
    at += rows;
  }
}

TEST_CASE("indexer_topk counts its runs") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  IndexerCase c = one_sequence(random, 5, 0, 3);
  for (std::uint64_t run = 1; run <= 3; ++run) {
    c.run(ctx);
    CHECK(c.runs == run);
  }
}

TEST_CASE("indexer_topk does not take memory that grows with tokens times keys") {
  DSABENCH_SEEDED(random);
  const ThreadCount threads(2);
  const Context short_ctx, long_ctx;
  IndexerCase(random, 2, 8, 16, {{500, 200}}).run(short_ctx);
  IndexerCase(random, 2, 8, 16, {{8000, 800}}).run(long_ctx);
  CHECK(long_ctx.workspace.bytes() == short_ctx.workspace.bytes());
}

TEST_CASE("indexer_topk rejects what does not fit") {
  DSABENCH_SEEDED(random);
  const Context ctx;
  IndexerCase c = one_sequence(random, 5, 10, 4);
  const std::vector<ops::IndexerSequence> good = c.sequences();
  std::vector<ops::IndexerSequence> sequences = good;
  ops::IndexerTopkArgs args{.q = c.q.view(),
                            .head_weights = c.head_weights.view(),
                            .sequences = sequences,
                            .top_k = c.top_k,
                            .indices = c.indices.view(),
                            .margins = c.margins.view(),
                            .run_counter = &c.runs};
  REQUIRE_NOTHROW(ops::indexer_topk(ctx, args));
  const std::uint64_t runs = c.runs;
  Tensor wrong(DType::f32, {7, 3}), codes(DType::f8_e4m3, {50, 16}), scales(DType::f32, {50});
  SECTION("top_k") { args.top_k = 0; }
  SECTION("indices of another width") { args.top_k = 6; }
  SECTION("no counter") { args.run_counter = nullptr; }
  SECTION("head weights of another shape") { args.head_weights = wrong.view(); }
  SECTION("margins of another shape") { args.margins = wrong.view(); }
  SECTION("indices of another dtype") { args.indices = wrong.view(); }
  SECTION("rows beyond the batch") { sequences[0].span.num_rows = 100; }
  SECTION("a negative row") { sequences[0].span.row_begin = -1; }
  SECTION("a negative position") { sequences[0].span.first_position = -1; }
  SECTION("positions beyond the cache") { sequences[0].span.first_position = 50; }
  SECTION("an overflowing position") {
    sequences[0].span.first_position = std::numeric_limits<std::int64_t>::max();
  }
  SECTION("keys of another dtype") { sequences[0].keys = codes.view(); }
  SECTION("scales beside exact keys") { sequences[0].key_scales = scales.view(); }
  SECTION("no queries") { args.q = ConstTensorView(); }
  CHECK_THROWS_AS(ops::indexer_topk(ctx, args), InvalidArgument);
  CHECK(c.runs == runs);
}
