#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstring>
#include <set>

#include "kernels/cuda/graph.h"
#include "tests/kernels/mla_case.h"
#include "tests/support/cuda_test.h"

using namespace dsabench;
using namespace dsabench::test;

namespace {

/// A case uploaded once; results land in its `out`, in f32.
class CudaMla {
 public:
  CudaMla(CudaTest& gpu, MlaCase& c, DType dtype) : gpu_(gpu), case_(c) {
    round_to(dtype, c.q_latent);
    round_to(dtype, c.q_rope);
    q_latent_ = gpu.put(c.q_latent, dtype);
    q_rope_ = gpu.put(c.q_rope, dtype);
    indices_ = gpu.put(c.indices);
    if (!c.positions.empty()) positions_ = gpu.put(c.positions);
    for (std::size_t s = 0; s < c.spans.size(); ++s) {
      if (c.fp8_rows.empty()) round_to(dtype, c.latents[s]);
      if (!c.scattered) sequences_.push_back({c.spans[s], gpu.put(c.rows()[s], dtype)});
    }
    if (c.scattered) {
      if (c.fp8_rows.empty()) round_to(dtype, c.pool);
      const TensorView pool = gpu.put(c.pool, dtype);
      for (std::size_t s = 0; s < c.spans.size(); ++s) {
        sequences_.push_back({c.spans[s], pool, gpu.put(c.scattered->table(s))});
      }
    }
    out_ = gpu.make(dtype, {c.out.dim(0), c.out.dim(1), c.out.dim(2)});
  }
  void launch(bool dense) {
    if (dense) {
      ops::dense_mla(gpu_.ctx, {q_latent_, q_rope_, sequences_, out_, case_.scale});
    } else {
      ops::sparse_mla(gpu_.ctx,
                      {q_latent_, q_rope_, indices_, sequences_, out_, case_.scale, positions_});
    }
  }
  void run(bool dense) {
    run([&] { launch(dense); });
  }
  template <class Operation>
  requires std::invocable<Operation>
  void run(Operation&& operation) {
    gpu_.fill_bytes(out_, 0xff);
    operation();
    case_.out = gpu_.get(out_);
  }
  /// Takes over the case's positions and picks, into the memory that held those before.
  void move() {
    cuda::copy(positions_, case_.positions.view(), gpu_.stream().get());
    cuda::copy(indices_, case_.indices.view(), gpu_.stream().get());
    gpu_.stream().synchronize();
  }
  TensorView out() const { return out_; }

 private:
  CudaTest& gpu_;
  MlaCase& case_;
  TensorView q_latent_, q_rope_, indices_, out_, positions_;
  std::vector<ops::LatentSequence> sequences_;
};

/// bf16 rounds the softmax's weights and the result.
double tolerance(DType dtype) { return dtype == DType::bf16 ? 1e-2 : 1e-5; }

void check_both(CudaTest& gpu, MlaCase& c, DType dtype) {
  CudaMla mla(gpu, c, dtype);
  mla.run(false);
  c.check(false, tolerance(dtype));
  mla.run(true);
  c.check(true, tolerance(dtype));
}

}  // namespace

TEST_CASE("cuda: both attentions match the reference on ragged batches of any shape") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kActivationTypes) {
    for (int trial = 0; trial < 10; ++trial) {
      CAPTURE(dtype_name(dtype), trial);
      CudaTest gpu;
      MlaCase c = random_mla_case(random, trial % 2 == 0 ? 2 : 25);
      CAPTURE(c.q_latent.view().shape_string(), c.q_rope.dim(2), c.indices.dim(1));
      check_both(gpu, c, dtype);
    }
  }
}

TEST_CASE("cuda: both attentions match the reference at a model's dimensions") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kActivationTypes) {
    for (const std::int64_t heads : {1, 20, 32, 40}) {
      for (const std::int64_t rows : {1, 5}) {
        const std::int64_t latent = random.choice<std::int64_t>({64, 256, 512});
        const std::int64_t rope = random.choice<std::int64_t>({16, 64});
        const std::int64_t top_k = random.choice<std::int64_t>({1, 63, 64, 300, 1000});
        CAPTURE(dtype_name(dtype), heads, rows, latent, rope, top_k);
        CudaTest gpu;
        MlaCase c(random, heads, latent, rope, top_k, {{random.integer(0, 900), rows}, {0, 2}});
        check_both(gpu, c, dtype);
      }
    }
  }
}

TEST_CASE("cuda: enough queries that nothing is split, and both attentions repeat bit for bit") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kActivationTypes) {
    for (const std::int64_t rows : {1, 300}) {
      for (const bool dense : {false, true}) {
        CAPTURE(dtype_name(dtype), rows, dense);
        CudaTest gpu;
        MlaCase c(random, 20, 128, 32, 256, {{700, rows}});
        CudaMla mla(gpu, c, dtype);
        check_repeats(gpu, mla.out(), [&] { mla.launch(dense); });
        mla.run(dense);
        c.check(dense, tolerance(dtype));
      }
    }
  }
}

TEST_CASE("cuda: sparse_mla of few rows matches the reference, wherever rows stand") {
  DSABENCH_SEEDED(random);
  for (int trial = 0; trial < 24; ++trial) {
    const std::int64_t heads = random.choice<std::int64_t>({1, 8, 16, 20, 33, 64});
    const std::int64_t top_k = random.choice<std::int64_t>({1, 16, 64, 65, 200, 2048});
    std::vector<std::pair<std::int64_t, std::int64_t>> pieces;
    for (std::int64_t s = random.integer(1, 4); s > 0; --s) {
      pieces.emplace_back(random.integer(0, 2500), random.integer(1, 8));
    }
    CAPTURE(trial, heads, top_k, pieces.size());
    MlaCase c(random, heads, 512, 64, top_k, pieces);
    if (trial % 2 == 1) c.quantise();
    if (trial / 2 % 2 == 1) c.place(random);
    if (trial / 4 % 2 == 1) c.scatter(random);
    CudaTest gpu;
    CudaMla mla(gpu, c, DType::bf16);
    check_repeats(gpu, mla.out(), [&] { mla.launch(false); });
    mla.run(false);
    c.check(false, tolerance(DType::bf16));
  }
}

TEST_CASE(
    "cuda: sparse_mla of few rows: zeros where nothing is selected, NaN where it may not be") {
  DSABENCH_SEEDED(random);
  for (const bool fp8 : {false, true}) {
    CAPTURE(fp8);
    CudaTest gpu;
    MlaCase c(random, 20, 512, 64, 300, {{1000, 8}});
    if (fp8) c.quantise();
    const std::int64_t first = c.spans[0].row_begin;
    std::fill_n(c.indices.view().row<std::int32_t>(first + 2), 300, -1);
    std::fill_n(c.indices.view().row<std::int32_t>(first + 3), 299, -1);  // one pick, in the end
    c.indices.view().row<std::int32_t>(first + 3)[299] = 17;
    c.indices.view().row<std::int32_t>(first + 5)[270] = 1006;  // row 5 stands at 1005
    c.indices.view().row<std::int32_t>(first + 6)[1] = -2;
    CudaMla(gpu, c, DType::bf16).run(false);
    const auto all = [&](std::int64_t row, auto&& test) {
      const float* values = c.out.view().row<float>(first + row);
      return std::all_of(values, values + 20 * 512, test);
    };
    CHECK(all(2, [](float value) { return value == 0.0f; }));
    for (const std::int64_t row : {5, 6}) {
      CHECK(all(row, [](float value) { return std::isnan(value); }));
    }
    for (const std::int64_t row : {0, 1, 3, 4, 7}) {
      CHECK(all(row, [](float value) { return std::isfinite(value); }));
    }
    const float* only = c.out.view().row<float>(first + 3);
    for (std::int64_t i = 0; i < 512; ++i) {
      REQUIRE(std::fabs(only[i] - c.latents[0].view().row<float>(17)[i]) <=
              1e-2f * std::fabs(only[i]) + 1e-6f);
    }
  }
}

TEST_CASE("cuda: a captured sparse_mla, replayed with other positions, equals direct calls") {
  DSABENCH_SEEDED(random);
  struct Shape {
    std::int64_t latent, rope, rows;
  };
  for (const Shape& shape : std::vector<Shape>{{512, 64, 1}, {512, 64, 70}, {33, 6, 2}}) {
    for (const bool fp8 : {false, true}) {
      CAPTURE(shape.latent, shape.rows, fp8);
      CudaTest gpu;
      MlaCase c(random, 20, shape.latent, shape.rope, 130,
                {{900, shape.rows}, {random.integer(0, 300), 2}});
      if (fp8) c.quantise();
      c.place(random);
      c.scatter(random);
      CudaMla mla(gpu, c, DType::bf16);
      mla.run(false);
      const cuda::Graph graph(gpu.stream().get(), [&] { mla.launch(false); });
      for (int replay = 0; replay < 4; ++replay) {
        c.place(random);
        mla.move();
        mla.run([&] { graph.launch(gpu.stream().get()); });
        c.check(false, tolerance(DType::bf16));
        const Tensor replayed = c.out.clone();
        mla.run(false);
        CHECK(std::memcmp(c.out.view().raw(), replayed.view().raw(),
                          static_cast<std::size_t>(replayed.bytes())) == 0);
      }
    }
  }
}

TEST_CASE("cuda: sparse_mla gives zeros to a row that selects nothing, NaN to one that may not") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kActivationTypes) {
    for (const std::int64_t rows : {12, 400}) {
      for (const std::int64_t latent : {16, 20}) {
        CAPTURE(dtype_name(dtype), rows, latent);
        CudaTest gpu;
        MlaCase c(random, 4, latent, 16, 9, {{30, rows}});
        const std::int64_t empty = c.spans[0].row_begin + 5, future = c.spans[0].row_begin + 7;
        std::fill_n(c.indices.view().row<std::int32_t>(empty), 9, -1);
        c.indices.view().row<std::int32_t>(future)[4] = 38;  // row 7 stands at position 37
        CudaMla(gpu, c, dtype).run(false);
        const float* zeros = c.out.view().row<float>(empty);
        CHECK(std::all_of(zeros, zeros + 4 * latent, [](float value) { return value == 0.0f; }));
        const float* broken = c.out.view().row<float>(future);
        CHECK(std::all_of(broken, broken + 4 * latent, [](float v) { return std::isnan(v); }));
        CHECK(std::isfinite(c.out.view().row<float>(future + 1)[0]));
      }
    }
  }
}

TEST_CASE("cuda: both attentions read latents out of shuffled blocks, bit for bit as in order") {
  DSABENCH_SEEDED(random);
  struct Shape {
    std::int64_t heads, latent, rope, rows;
  };
  // Any shape, tensor cores, decoding in splits, and what sm_90a has a kernel of its own for.
  const std::vector<Shape> shapes = {
      {3, 33, 6, 9}, {20, 64, 16, 9}, {20, 512, 64, 1}, {20, 512, 64, 300}, {128, 512, 64, 257}};
  for (const DType dtype : kActivationTypes) {
    for (const Shape& shape : shapes) {
      const std::int64_t top_k = random.choice<std::int64_t>({63, 200, 700});
      CAPTURE(dtype_name(dtype), shape.heads, shape.latent, shape.rows, top_k);
      CudaTest gpu;
      MlaCase c(random, shape.heads, shape.latent, shape.rope, top_k,
                {{random.integer(300, 900), shape.rows}, {64 - shape.rows % 64, shape.rows}});
      CudaMla in_order(gpu, c, dtype);
      for (const bool dense : {false, true}) {
        in_order.run(dense);
        const Tensor expected = c.out.clone();
        c.scatter(random);
        CudaMla(gpu, c, dtype).run(dense);
        CHECK(std::memcmp(c.out.view().raw(), expected.view().raw(),
                          static_cast<std::size_t>(expected.bytes())) == 0);
        c.check(dense, tolerance(dtype));
        c.scattered.reset();
      }
    }
  }
}

TEST_CASE("cuda: both attentions over the fp8 cache are those over the values which it holds") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kActivationTypes) {
    for (const std::int64_t rows : {1, 9, 260}) {
      const std::int64_t latent = random.choice<std::int64_t>({33, 128, 512});
      const std::int64_t rope = random.choice<std::int64_t>({6, 64});
      CAPTURE(dtype_name(dtype), rows, latent, rope);
      CudaTest gpu;
      MlaCase c(random, 20, latent, rope, 200, {{random.integer(100, 500), rows}, {3, 1}});
      c.quantise();
      c.scatter(random);
      check_both(gpu, c, dtype);
    }
  }
}

TEST_CASE("cuda: both attentions survive large and widely spread scores") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kActivationTypes) {
    CAPTURE(dtype_name(dtype));
    CudaTest gpu;
    MlaCase c(random, 3, 16, 16, 200, {{600, 9}, {900, 1}});
    c.scale = 40.0f;
    CudaMla mla(gpu, c, dtype);
    mla.run(false);
    c.check(false, dtype == DType::bf16 ? 2e-2 : 1e-3);
    mla.run(true);
    c.check(true, dtype == DType::bf16 ? 2e-2 : 1e-3);
  }
}

TEST_CASE("cuda: attention takes more sequences than one launch holds") {
  DSABENCH_SEEDED(random);
  std::vector<std::pair<std::int64_t, std::int64_t>> pieces;
  for (int s = 0; s < 70; ++s) pieces.emplace_back(random.integer(0, 200), random.integer(1, 2));
  CudaTest gpu;
  MlaCase c(random, 3, 32, 16, 40, pieces);
  check_both(gpu, c, DType::bf16);
}

TEST_CASE("cuda: sparse_mla matches the reference where neighbours select nearly the same keys") {
  DSABENCH_SEEDED(random);
  for (const std::int64_t heads : {1, 8, 20, 32, 40, 128}) {
    for (const bool sorted : {true, false}) {
      const std::int64_t top_k = random.choice<std::int64_t>({1, 63, 64, 200});
      CAPTURE(heads, sorted, top_k);
      CudaTest gpu;
      MlaCase c(random, heads, 512, 64, top_k,
                {{random.integer(0, 50), 7}, {random.integer(0, 900), 260}, {0, 2}});
      for (const ops::SequenceSpan& span : c.spans) {
        for (std::int64_t i = 0; i < span.num_rows; ++i) {
          auto* row = c.indices.view().row<std::int32_t>(span.row_begin + i);
          if (i > 0 && random.integer(0, 3) != 0) {
            // The row before, but for a few keys: all causal here too.
            std::copy_n(c.indices.view().row<std::int32_t>(span.row_begin + i - 1), top_k, row);
            const auto last = static_cast<std::int32_t>(span.first_position + i);
            if (std::find(row, row + top_k, last) == row + top_k) row[top_k / 2] = last;
            row[top_k / 3] = -1;
          }
        }
      }
      if (sorted) {
        for (const ops::SequenceSpan& span : c.spans) {
          for (std::int64_t i = 0; i < span.num_rows; ++i) {
            auto* row = c.indices.view().row<std::int32_t>(span.row_begin + i);
            std::set<std::int32_t> keys(row, row + top_k);
            keys.erase(-1);
            std::fill(std::copy(keys.begin(), keys.end(), row), row + top_k, -1);
          }
        }
      }
      CudaMla mla(gpu, c, DType::bf16);
      check_repeats(gpu, mla.out(), [&] { mla.launch(false); });
      mla.run(false);
      c.check(false, tolerance(DType::bf16));
    }
  }
}

TEST_CASE(
    "cuda: sparse_mla of a long prompt gives zeros to a row that selects nothing, NaN to one "
    "that may not") {
  DSABENCH_SEEDED(random);
  CudaTest gpu;
  MlaCase c(random, 20, 512, 64, 70, {{100, 300}});
  const std::int64_t empty = c.spans[0].row_begin + 5, future = c.spans[0].row_begin + 7;
  std::fill_n(c.indices.view().row<std::int32_t>(empty), 70, -1);
  c.indices.view().row<std::int32_t>(future)[4] = 108;  // row 7 stands at position 107
  c.indices.view().row<std::int32_t>(future + 30)[0] = 0x7f7f7f7f;
  CudaMla(gpu, c, DType::bf16).run(false);
  const auto all = [&](std::int64_t row, auto&& test) {
    const float* values = c.out.view().row<float>(row);
    return std::all_of(values, values + 20 * 512, test);
  };
  CHECK(all(empty, [](float value) { return value == 0.0f; }));
  CHECK(all(future, [](float value) { return std::isnan(value); }));
  CHECK(all(future + 30, [](float value) { return std::isnan(value); }));
  for (const std::int64_t row : {empty - 1, empty + 1, future - 1, future + 1, future + 29}) {
    CHECK(all(row, [](float value) { return std::isfinite(value); }));
  }
}

TEST_CASE("cuda: sparse_mla of a long prompt survives large and widely spread scores") {
  DSABENCH_SEEDED(random);
  CudaTest gpu;
  MlaCase c(random, 20, 512, 64, 200, {{600, 270}});
  c.scale = 4.0f;
  CudaMla mla(gpu, c, DType::bf16);
  mla.run(false);
  c.check(false, 2e-2);
}
