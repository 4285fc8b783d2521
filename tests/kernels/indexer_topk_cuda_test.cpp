#include <cmath>
#include <concepts>
#include <functional>
#include <limits>

#include "kernels/cuda/graph.h"
#include "kernels/ops/indexer_topk.h"
#include "tests/kernels/indexer_case.h"
#include "tests/support/catch.h"
#include "tests/support/cuda_test.h"

using namespace dsabench;
using namespace dsabench::test;

namespace {

/// A case uploaded once and run there; results land in the case.
class CudaIndexer {
 public:
  CudaIndexer(CudaTest& gpu, IndexerCase& c, DType dtype) : gpu_(gpu), case_(c) {
    q_ = gpu.put(c.q, dtype);
    weights_ = gpu.put(c.head_weights);
    if (c.scattered) {
      const TensorView keys = gpu.put(c.pool_keys, dtype);
      const TensorView scales = c.pool_scales.empty() ? TensorView() : gpu.put(c.pool_scales);
      for (std::size_t s = 0; s < c.spans.size(); ++s) {
        sequences_.push_back({c.spans[s], keys, scales, gpu.put(c.scattered->table(s))});
      }
    } else {
      for (std::size_t s = 0; s < c.spans.size(); ++s) {
        sequences_.push_back({c.spans[s], gpu.put(c.keys[s], dtype), {}});
        if (!c.scales[s].empty()) sequences_.back().key_scales = gpu.put(c.scales[s]);
      }
    }
    if (!c.positions.empty()) positions_ = gpu.put(c.positions);
    indices_ = gpu.make(DType::i32, {c.indices.dim(0), c.top_k});
    margins_ = gpu.make(DType::f32, {c.indices.dim(0)});
    counter_ = gpu.make(DType::i64, {1});
    gpu.fill_bytes(counter_, 0);
  }

  void run(bool with_margins = true) {
    run([&] { launch(with_margins); });
  }
  template <class Operation>
  requires std::invocable<Operation>
  void run(Operation&& operation) {
    gpu_.fill_bytes(indices_, IndexerCase::kGuard);
    gpu_.fill_bytes(margins_, 0xff);
    operation();
    case_.indices = gpu_.get(indices_);
    case_.margins = gpu_.get(margins_);
    case_.runs = static_cast<std::uint64_t>(gpu_.get(counter_).data<std::int64_t>()[0]);
  }
  void launch(bool with_margins = true) {
    ops::indexer_topk(gpu_.ctx, {.q = q_,
                                 .head_weights = weights_,
                                 .sequences = sequences_,
                                 .top_k = case_.top_k,
                                 .indices = indices_,
                                 .margins = with_margins ? margins_ : TensorView(),
                                 .run_counter = reinterpret_cast<std::uint64_t*>(counter_.raw()),
                                 .positions = positions_});
  }
  /// Takes over the case's positions, into the memory that held those before.
  void move() {
    cuda::copy(positions_, case_.positions.view(), gpu_.stream().get());
    gpu_.stream().synchronize();
  }
  TensorView indices() const { return indices_; }

 private:
  CudaTest& gpu_;
  IndexerCase& case_;
  TensorView q_, weights_, indices_, margins_, counter_, positions_;
  std::vector<ops::IndexerSequence> sequences_;
};

void round_case(IndexerCase& c, DType dtype) {
  round_to(dtype, c.q);
  for (Tensor& keys : c.keys) round_to(dtype, keys);
}

/// Tensor cores of Hopper keep about 14 bits of a sum of e4m3 products.
void check_case(const IndexerCase& c, DType dtype, double max_skipped) {
  const bool coarse = dtype == DType::f8_e4m3;
  check_indexer_case(c, coarse ? 1e-3 : 3e-6, coarse ? 1.0 : max_skipped);
}

const std::vector<DType> kKeyTypes = {DType::f32, DType::bf16, DType::f8_e4m3};

/// Scores that are exactly what `score(s)` says: one head, weight 1 or -1, keys of which one
/// element counts.
struct Adversary {
  const char* name;
  std::function<float(Random&)> score;
};

const std::vector<Adversary> kAdversaries = {
    {"narrow", [](Random& r) { return static_cast<float>(11.0 + 0.1 * r.normal()); }},
    {"tied", [](Random& r) { return static_cast<float>(r.integer(1, 3)); }},
    {"constant", [](Random&) { return 2.5f; }},
    {"zero", [](Random&) { return 0.0f; }},
    {"shifted", [](Random& r) { return static_cast<float>(1e6 + r.normal()); }},
    {"wide", [](Random& r) { return static_cast<float>(std::exp(40.0 * r.normal())); }},
    {"all negative", [](Random& r) { return static_cast<float>(-1e-3 - std::fabs(r.normal())); }},
    {"NaN and infinities",
     [](Random& r) {
       const std::int64_t kind = r.integer(0, 5);
       if (kind == 0) return std::numeric_limits<float>::quiet_NaN();
       if (kind == 1) return std::numeric_limits<float>::infinity();
       return static_cast<float>(r.integer(1, 1000));
     }},
};

/// Judges rows exactly, all or a sample of many: no score has a rounding error.
void check_exact_rows(const IndexerCase& c, const std::vector<float>& scores) {
  const std::int64_t step = 1 + c.spans[0].num_rows / 24;  // 1 where there are few
  for (std::int64_t i = 0; i < c.spans[0].num_rows; i += step) {
    const std::int64_t keys = c.spans[0].first_position + i + 1;
    const std::vector<double> row(scores.begin(), scores.begin() + keys);
    CAPTURE(i, keys, c.top_k);
    REQUIRE(c.picked(c.spans[0].row_begin + i) == reference::topk_positions(row, c.top_k));
    const double margin = reference::topk_margin(row, c.top_k);
    const double got = c.margins.view().row<float>(c.spans[0].row_begin + i)[0];
    if (margin > static_cast<double>(ops::kNoMargin)) {
      REQUIRE(got == static_cast<double>(ops::kNoMargin));
    } else {
      REQUIRE(std::fabs(got - margin) <= 1e-6 * margin);
    }
  }
}

}  // namespace

TEST_CASE("cuda: indexer_topk finds the reference's sets on ragged batches") {
  DSABENCH_SEEDED(random);
  for (int trial = 0; trial < 18; ++trial) {
    const DType dtype = kKeyTypes[static_cast<std::size_t>(trial % 3)];
    const std::int64_t heads = random.choice<std::int64_t>({1, 3, 8, 32, 64, 70});
    const std::int64_t dim = random.choice<std::int64_t>({4, 17, 64, 128});
    const std::int64_t top_k = random.choice<std::int64_t>({1, 5, 64, 130});
    CAPTURE(trial, dtype_name(dtype), heads, dim, top_k);
    std::vector<IndexerCase::Piece> pieces;
    const std::int64_t most_rows = random.choice<std::int64_t>({1, 8, 100});
    for (std::int64_t s = random.integer(1, 5); s > 0; --s) {
      pieces.push_back({random.integer(0, 700), random.integer(1, most_rows)});
    }
    IndexerCase c(random, heads, dim, top_k, pieces, dtype == DType::f8_e4m3);
    round_case(c, dtype);
    if (trial % 2 == 1) c.scatter(random);
    CudaTest gpu;
    CudaIndexer indexer(gpu, c, dtype);
    indexer.run();
    check_case(c, dtype, 0.2);
    CHECK(c.runs == 1);
    const Tensor with = c.indices.clone();
    indexer.run(false);
    CHECK(std::memcmp(with.view().raw(), c.indices.view().raw(),
                      static_cast<std::size_t>(with.bytes())) == 0);
    CHECK(c.runs == 2);
  }
}

TEST_CASE("cuda: indexer_topk of few rows finds the reference's sets, wherever rows stand") {
  DSABENCH_SEEDED(random);
  for (int trial = 0; trial < 24; ++trial) {
    const DType dtype = trial % 2 == 0 ? DType::bf16 : DType::f8_e4m3;
    const std::int64_t heads = random.integer(1, 64);
    const std::int64_t dim = random.choice<std::int64_t>({64, 128});
    const std::int64_t top_k = random.choice<std::int64_t>({16, 77, 512, 2048});
    std::vector<IndexerCase::Piece> pieces;
    for (std::int64_t s = random.integer(1, 5); s > 0; --s) {
      const std::int64_t most = random.choice<std::int64_t>({100, 1000, 5000});
      pieces.push_back({random.integer(0, most), random.integer(1, 8)});
    }
    CAPTURE(trial, dtype_name(dtype), heads, dim, top_k, pieces.size());
    IndexerCase c(random, heads, dim, top_k, pieces, dtype == DType::f8_e4m3);
    round_case(c, dtype);
    if (trial / 2 % 2 == 1) c.scatter(random);
    if (trial / 4 % 2 == 1) c.place(random);
    CudaTest gpu;
    CudaIndexer indexer(gpu, c, dtype);
    indexer.run();
    check_indexer_case(c, 3e-6, 0.3);
    CHECK(c.runs == 1);
    check_repeats(gpu, indexer.indices(), [&] {
      gpu.fill_bytes(indexer.indices(), IndexerCase::kGuard);
      indexer.launch();
    });
  }
}

TEST_CASE("cuda: indexer_topk of one row does not depend on the rows beside it") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : {DType::bf16, DType::f8_e4m3}) {
    CAPTURE(dtype_name(dtype));
    IndexerCase c(random, 32, 128, 300, {{20000, 8}, {5000, 1}, {random.integer(0, 9000), 3}},
                  dtype == DType::f8_e4m3);
    round_case(c, dtype);
    c.scatter(random);
    CudaTest gpu;
    CudaIndexer(gpu, c, dtype).run();
    const Tensor indices = c.indices.clone(), margins = c.margins.clone();
    const std::vector<ops::SequenceSpan> spans = c.spans;
    for (const std::int64_t row : {std::int64_t{0}, random.integer(1, 7)}) {
      c.spans = spans;
      for (ops::SequenceSpan& span : c.spans) span.num_rows = 0;
      c.spans[0] = {spans[0].row_begin + row, 1, spans[0].first_position + row};
      CudaIndexer(gpu, c, dtype).run();
      const std::int64_t at = c.spans[0].row_begin;
      CHECK(std::memcmp(c.indices.view().row<std::int32_t>(at),
                        indices.view().row<std::int32_t>(at), 300 * 4) == 0);
      CHECK(c.margins.view().row<float>(at)[0] == margins.view().row<float>(at)[0]);
    }
  }
}

TEST_CASE("cuda: a captured indexer_topk, replayed with other positions, equals direct calls") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kKeyTypes) {
    // 12 rows of a sequence are not for the kernels of decoding.
    for (const std::int64_t rows : {1, 3, 12}) {
      CAPTURE(dtype_name(dtype), rows);
      IndexerCase c(random, 16, 64, 200, {{3000, rows}, {random.integer(0, 700), 1}, {5000, rows}},
                    dtype == DType::f8_e4m3);
      round_case(c, dtype);
      c.scatter(random);
      c.place(random);
      CudaTest gpu;
      CudaIndexer indexer(gpu, c, dtype);
      indexer.run();
      const cuda::Graph graph(gpu.stream().get(), [&] { indexer.launch(); });
      for (std::uint64_t replay = 0; replay < 4; ++replay) {
        c.place(random);
        indexer.move();
        indexer.run([&] { graph.launch(gpu.stream().get()); });
        CHECK(c.runs == 2 + 2 * replay);
        check_indexer_case(c, 3e-6, 0.3);
        const Tensor indices = c.indices.clone(), margins = c.margins.clone();
        indexer.run();
        CHECK(std::memcmp(c.indices.view().raw(), indices.view().raw(),
                          static_cast<std::size_t>(indices.bytes())) == 0);
        CHECK(std::memcmp(c.margins.view().raw(), margins.view().raw(),
                          static_cast<std::size_t>(margins.bytes())) == 0);
      }
    }
  }
}

TEST_CASE("cuda: indexer_topk is exact around top_k keys") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kKeyTypes) {
    for (const std::int64_t top_k : {1, 31, 256}) {
      for (const std::int64_t keys : {top_k - 1, top_k, top_k + 1, 5 * top_k + 3}) {
        if (keys < 1) continue;
        CAPTURE(dtype_name(dtype), top_k, keys);
        IndexerCase c(random, 4, 16, top_k, {{keys - 1, 1}, {keys - 1, 12}},
                      dtype == DType::f8_e4m3);
        round_case(c, dtype);
        CudaTest gpu;
        CudaIndexer(gpu, c, dtype).run();
        check_indexer_case(c, 3e-6, 0.3);
      }
    }
  }
}

TEST_CASE("cuda: indexer_topk takes more sequences than one launch holds") {
  DSABENCH_SEEDED(random);
  std::vector<IndexerCase::Piece> pieces;
  for (int s = 0; s < 75; ++s) pieces.push_back({random.integer(0, 300), random.integer(1, 3)});
  IndexerCase c(random, 4, 32, 50, pieces);
  CudaTest gpu;
  CudaIndexer(gpu, c, DType::f32).run();
  check_indexer_case(c);
  CHECK(c.runs == 1);
}

namespace {

/// `rows` queries at the end of the keys, whose scores are exactly `scores` (or their negatives):
/// in e4m3 by the keys' scales, else by the keys themselves.
IndexerCase exact_case(Random& random, DType dtype, std::int64_t heads, std::int64_t dim,
                       std::int64_t top_k, std::int64_t rows, const std::vector<float>& scores) {
  const bool fp8 = dtype == DType::f8_e4m3, negative = scores[0] < 0.0f;
  const auto keys = static_cast<std::int64_t>(scores.size());
  IndexerCase c(random, heads, dim, top_k, {{keys - rows, rows}}, fp8);
  c.keys[0].fill_bytes(0);
  c.q.fill_bytes(0);
  for (std::int64_t s = 0; s < keys; ++s) {
    const float size = std::fabs(scores[static_cast<std::size_t>(s)]);
    if (fp8) {
      *c.keys[0].view().row<std::uint8_t>(s) = f32_to_e4m3(1.0f);
      c.scales[0].data<float>()[s] = size;
    } else {
      *c.keys[0].view().row<float>(s) = size;
    }
  }
  const float weight = (negative ? -1.0f : 1.0f) / static_cast<float>(heads);  // a power of two
  for (std::int64_t i = 0; i < c.q.dim(0) * heads; ++i) {
    if (fp8) {
      c.q.data<std::uint8_t>()[i * dim] = f32_to_e4m3(1.0f);
    } else {
      c.q.data<float>()[i * dim] = 1.0f;
    }
    c.head_weights.data<float>()[i] = weight;
  }
  return c;
}

}  // namespace

TEST_CASE("cuda: indexer_topk is exact on narrow, tied, constant and broken rows of 200,000 keys") {
  DSABENCH_SEEDED(random);
  struct Kind {
    DType dtype;
    std::int64_t heads, dim, rows;
  };
  // Any shape, decoding, and what sm_90a has a kernel of its own for.
  const std::vector<Kind> kinds = {{DType::f32, 1, 4, 2},        {DType::f32, 1, 4, 12},
                                   {DType::f8_e4m3, 1, 128, 1},  {DType::f8_e4m3, 32, 64, 3},
                                   {DType::bf16, 2, 128, 1},     {DType::bf16, 64, 64, 2},
                                   {DType::f8_e4m3, 1, 64, 259}, {DType::bf16, 16, 64, 259}};
  for (const Adversary& adversary : kAdversaries) {
    for (const Kind& kind : kinds) {
      const std::int64_t top_k = random.choice<std::int64_t>({1, 63, 2048, 4096});
      CAPTURE(adversary.name, dtype_name(kind.dtype), kind.rows, top_k);
      Tensor values(DType::f32, {200000});
      for (std::int64_t s = 0; s < 200000; ++s) values.data<float>()[s] = adversary.score(random);
      round_to(kind.dtype, values);
      const std::vector<float> scores(values.data<float>(), values.data<float>() + 200000);
      IndexerCase c =
          exact_case(random, kind.dtype, kind.heads, kind.dim, top_k, kind.rows, scores);
      CudaTest gpu;
      CudaIndexer indexer(gpu, c, kind.dtype);
      indexer.run();
      check_exact_rows(c, scores);
      check_repeats(gpu, indexer.indices(), [&] {
        gpu.fill_bytes(indexer.indices(), IndexerCase::kGuard);
        indexer.launch();
      });
    }
  }
}

TEST_CASE(
    "cuda: indexer_topk with more queries than a block takes, ascending and descending rows") {
  DSABENCH_SEEDED(random);
  for (const bool ascending : {false, true}) {
    for (const std::int64_t top_k : {1, 500}) {
      CAPTURE(ascending, top_k);
      std::vector<float> scores(30000);
      for (std::size_t s = 0; s < scores.size(); ++s) {
        scores[s] = static_cast<float>(ascending ? s + 1 : scores.size() - s);
      }
      IndexerCase c = exact_case(random, DType::f8_e4m3, 1, 128, top_k, 700, scores);
      CudaTest gpu;
      CudaIndexer(gpu, c, DType::f8_e4m3).run();
      check_exact_rows(c, scores);
    }
  }
}

TEST_CASE("cuda: indexer_topk is exact where a sample of the keys misleads") {
  DSABENCH_SEEDED(random);
  // The scan of sm_90a looks at every fourth block of such a context first: there all is large, so
  // that its bound leaves too few.
  std::vector<float> scores(16640);
  for (std::size_t s = 0; s < scores.size(); ++s) {
    scores[s] = static_cast<float>(random.uniform(1.0, 2.0)) + (s / 64 % 4 == 0 ? 1000.0f : 0.0f);
  }
  IndexerCase c = exact_case(random, DType::f8_e4m3, 1, 128, 2048, 256, scores);
  CudaTest gpu;
  CudaIndexer(gpu, c, DType::f8_e4m3).run();
  check_exact_rows(c, scores);
}

TEST_CASE("cuda: indexer_topk finds the reference's sets on long prompts") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : {DType::bf16, DType::f8_e4m3}) {
    for (const std::int64_t heads : {5, 16, 32, 64}) {
      const std::int64_t dim = random.choice<std::int64_t>({64, 128});
      const std::int64_t top_k = random.choice<std::int64_t>({1, 40, 257});
      const std::int64_t long_start = random.integer(2000, 9000);
      CAPTURE(dtype_name(dtype), heads, dim, top_k, long_start);
      // A prompt from its start, ragged ends, one row among them, and few rows after many keys.
      IndexerCase c(random, heads, dim, top_k,
                    {{0, random.integer(300, 400)}, {random.integer(0, 90), 1}, {long_start, 13}},
                    dtype == DType::f8_e4m3);
      round_case(c, dtype);
      CudaTest gpu;
      CudaIndexer indexer(gpu, c, dtype);
      indexer.run();
      check_case(c, dtype, 0.3);
      CHECK(c.runs == 1);
      check_repeats(gpu, indexer.indices(), [&] {
        gpu.fill_bytes(indexer.indices(), IndexerCase::kGuard);
        indexer.launch();
      });
    }
  }
}

TEST_CASE("cuda: indexer_topk reads keys out of shuffled blocks, bit for bit as in order") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kKeyTypes) {
    for (const bool long_prompt : {false, true}) {
      // 300 rows are for the tensor cores of sm_90a, where there are some; few, for decoding.
      const std::int64_t rows = long_prompt ? 300 : random.integer(1, 3);
      const std::int64_t dim = random.choice<std::int64_t>({64, 128});
      CAPTURE(dtype_name(dtype), rows, dim);
      IndexerCase c(random, 16, dim, random.choice<std::int64_t>({40, 257}),
                    {{random.integer(2000, long_prompt ? 20000 : 5000), rows},
                     {128 - rows % 128, rows},
                     {64 * random.integer(5, 20) - 1, 1}},
                    dtype == DType::f8_e4m3);
      round_case(c, dtype);
      CudaTest gpu;
      CudaIndexer(gpu, c, dtype).run();
      const Tensor indices = c.indices.clone(), margins = c.margins.clone();
      c.scatter(random);
      CudaIndexer scattered(gpu, c, dtype);
      scattered.run();
      CHECK(std::memcmp(c.indices.view().raw(), indices.view().raw(),
                        static_cast<std::size_t>(indices.bytes())) == 0);
      CHECK(std::memcmp(c.margins.view().raw(), margins.view().raw(),
                        static_cast<std::size_t>(margins.bytes())) == 0);
      check_case(c, dtype, 0.3);
      check_repeats(gpu, scattered.indices(), [&] {
        gpu.fill_bytes(scattered.indices(), IndexerCase::kGuard);
        scattered.launch();
      });
    }
  }
}

TEST_CASE("cuda: indexer_topk scores in a fixed block of scratch") {
  DSABENCH_SEEDED(random);
  // 3,000 rows of 40,000 keys have more scores than the block holds.
  CudaTest gpu;
  IndexerCase c(random, 1, 4, 8, {{37000, 3000}});
  CudaIndexer(gpu, c, DType::f32).run();
  CHECK(gpu.ctx.device_scratch->bytes() <= std::int64_t{1} << 28);
  c.spans[0] = {c.spans[0].row_begin + 1700, 40, 38700};  // a cut lies among these
  for (std::int64_t i = 0; i < 40; ++i) {
    const std::vector<double> scores = c.reference_scores(0, i);
    const auto expected = reference::topk_positions(scores, c.top_k);
    if (reference::topk_margin(scores, c.top_k) < 1e-4) continue;
    REQUIRE(c.picked(c.spans[0].row_begin + i) == expected);
  }
}

TEST_CASE("cuda: indexer_topk repeats bit for bit at a model's size") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kKeyTypes) {
    CAPTURE(dtype_name(dtype));
    IndexerCase c(random, 32, 128, 512, {{5000, 70}, {3000, 1}}, dtype == DType::f8_e4m3);
    round_case(c, dtype);
    CudaTest gpu;
    CudaIndexer indexer(gpu, c, dtype);
    check_repeats(gpu, indexer.indices(), [&] { indexer.launch(); });
    indexer.run();
    c.spans.resize(1);
    c.spans[0].num_rows = 3;
    for (std::int64_t i = 0; i < 3; ++i) {
      const std::vector<double> scores = c.reference_scores(0, i);
      if (reference::topk_margin(scores, c.top_k) < 1e-5 * largest_magnitude(scores)) continue;
      REQUIRE(c.picked(c.spans[0].row_begin + i) == reference::topk_positions(scores, c.top_k));
    }
  }
}
