#include <cmath>

#include "kernels/reference/attention.h"
#include "kernels/reference/indexer.h"
#include "tests/support/catch.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

using namespace dsabench;
using namespace dsabench::test;

TEST_CASE("the absorbed form of attention is the MHA form") {
  DSABENCH_SEEDED(random);
  const std::int64_t heads = 3, nope = 6, rope = 4, value = 5, latent = 8, keys = 40;
  const Tensor kv_b = random.normal_tensor({heads * (nope + value), latent});
  const Tensor latents = random.normal_tensor({keys, latent + rope});
  const Tensor q_nope = random.normal_tensor({heads * nope}),
               q_rope = random.normal_tensor({1, heads, rope});
  const std::vector<double> q_n = to_doubles(q_nope.view()), q_p = to_doubles(q_rope.view());
  const std::vector<std::int32_t> selected = {3, 39, -1, 0, 17, 21};

  // q_latent[h] = q_nope[h] Wk[h], rounded to float as the operator's input is.
  Tensor q_latent(DType::f32, {1, heads, latent});
  for (std::int64_t h = 0; h < heads; ++h) {
    for (std::int64_t i = 0; i < latent; ++i) {
      double sum = 0.0;
      for (std::int64_t d = 0; d < nope; ++d) {
        sum += q_n[static_cast<std::size_t>(h * nope + d)] *
               kv_b.view().row<float>(h * (nope + value) + d)[i];
      }
      q_latent.data<float>()[h * latent + i] = static_cast<float>(sum);
    }
  }
  const std::vector<double> absorbed =
      reference::attention_row(q_latent.view(), q_rope.view(), 0, latents.view(), selected, 0.3);
  std::vector<double> expanded;
  for (std::int64_t h = 0; h < heads; ++h) {
    for (std::int64_t v = 0; v < value; ++v) {
      double sum = 0.0;
      for (std::int64_t i = 0; i < latent; ++i) {
        sum += absorbed[static_cast<std::size_t>(h * latent + i)] *
               kv_b.view().row<float>(h * (nope + value) + nope + v)[i];
      }
      expanded.push_back(sum);
    }
  }
  const std::vector<double> mha =
      reference::attention_row_mha(q_n, q_p, heads, kv_b.view(), latents.view(), selected, 0.3);
  const Comparison result = compare(expanded, mha);
  INFO(result.describe());
  CHECK(result.max_normalized <= 1e-5);
}

TEST_CASE("the reference orders scores as documented") {
  const double nan = std::nan("");
  const std::vector<double> scores = {1.0, nan, 3.0, 1.0, -0.0, 0.0, nan, 3.0};
  CHECK(reference::topk_positions(scores, 1) == std::vector<std::int32_t>{2});
  CHECK(reference::topk_positions(scores, 3) == std::vector<std::int32_t>{0, 2, 7});
  CHECK(reference::topk_positions(scores, 5) == std::vector<std::int32_t>{0, 2, 3, 4, 7});
  CHECK(reference::topk_positions(scores, 7) == std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 7});
  CHECK(reference::topk_positions(scores, 99).size() == 8);
  CHECK(reference::topk_margin(scores, 2) == 2.0);
  CHECK(reference::topk_margin(scores, 3) == 0.0);
  CHECK(std::isinf(reference::topk_margin(scores, 6)));
  CHECK(reference::topk_margin(scores, 7) == 0.0);
  CHECK(std::isinf(reference::topk_margin(scores, 8)));
}

TEST_CASE("reference scores follow the formula by hand") {
  Tensor q(DType::f32, {1, 2, 2}), weights(DType::f32, {1, 2}), keys(DType::f32, {3, 2});
  const std::vector<float> q_values = {1, 2, -1, 1}, w_values = {2, -3},
                           k_values = {1, 1, -1, 0, 0, 2};
  std::copy(q_values.begin(), q_values.end(), q.data<float>());
  std::copy(w_values.begin(), w_values.end(), weights.data<float>());
  std::copy(k_values.begin(), k_values.end(), keys.data<float>());
  // dots: head 0: 3, -1, 4; head 1: 0, 1, 2.
  CHECK(reference::indexer_scores_row(q.view(), weights.view(), 0, keys.view(), {}, 3) ==
        std::vector<double>{6, -3, 2});
}

TEST_CASE("reference scores dequantise e4m3") {
  Tensor q(DType::f8_e4m3, {1, 1, 1}), keys(DType::f8_e4m3, {4, 1});
  Tensor weights(DType::f32, {1, 1}), scales(DType::f32, {4});
  q.data<std::uint8_t>()[0] = 0x38;                                  // 1
  const std::vector<std::uint8_t> codes = {0x7e, 0x01, 0xb8, 0x7f};  // 448, 2^-9, -1, NaN
  std::copy(codes.begin(), codes.end(), keys.data<std::uint8_t>());
  std::fill_n(scales.data<float>(), 4, 2.0f);
  weights.data<float>()[0] = 1.0f;
  const std::vector<double> scores =
      reference::indexer_scores_row(q.view(), weights.view(), 0, keys.view(), scales.view(), 4);
  CHECK(scores[0] == 896.0);
  CHECK(scores[1] == 1.0 / 256);
  CHECK(scores[2] == 0.0);
  CHECK(std::isnan(scores[3]));
}
