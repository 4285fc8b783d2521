#include <algorithm>
#include <cmath>

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
    for (std::size_t s = 0; s < c.spans.size(); ++s) {
      round_to(dtype, c.latents[s]);
      sequences_.push_back({c.spans[s], gpu.put(c.latents[s], dtype)});
    }
    out_ = gpu.make(dtype, {c.out.dim(0), c.out.dim(1), c.out.dim(2)});
  }
  void launch(bool dense) {
    if (dense) {
      ops::dense_mla(gpu_.ctx, {q_latent_, q_rope_, sequences_, out_, case_.scale});
    } else {
      ops::sparse_mla(gpu_.ctx, {q_latent_, q_rope_, indices_, sequences_, out_, case_.scale});
    }
  }
  void run(bool dense) {
    gpu_.fill_bytes(out_, 0xff);
    launch(dense);
    case_.out = gpu_.get(out_);
  }
  TensorView out() const { return out_; }

 private:
  CudaTest& gpu_;
  MlaCase& case_;
  TensorView q_latent_, q_rope_, indices_, out_;
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
