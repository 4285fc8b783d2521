/// The quantised indexer, tight: against its own quantised values in double precision, and against
/// the reference's bytes and scores (tests/golden/README.md).
#include <bit>
#include <cmath>

#include "engine/model/safetensors.h"
#include "kernels/base/float_formats.h"
#include "kernels/ops/indexer_topk.h"
#include "kernels/ops/linear.h"
#include "kernels/ops/quantize_fp8.h"
#include "kernels/ops/rope.h"
#include "kernels/reference/indexer.h"
#include "tests/support/catch.h"
#include "tests/support/clean_case.h"
#include "tests/support/compare.h"
#include "tests/support/engine_runs.h"
#include "tests/support/topk_check.h"

namespace dsabench::test {
namespace {

constexpr double kTolerance = 1e-5;
const std::string kFolder = DSABENCH_TEST_DATA "/golden/glm_moe_dsa_tiny";
constexpr std::int64_t kGoldenLayer = 1;

EngineOptions with_mode(IndexerMode mode) {
  EngineOptions options = one_shot();
  options.indexer_mode = mode;
  return options;
}

/// The first keys of a sequence, and their scales, in order.
Tensor cached_keys(const Engine& engine, std::int64_t sequence, std::int64_t layer,
                   std::int64_t count) {
  const SequenceCache& cache = engine.cache(sequence);
  return cached_rows(cache.pool().indexer_keys(layer), cache.blocks(), count);
}
Tensor cached_scales(const Engine& engine, std::int64_t sequence, std::int64_t layer,
                     std::int64_t count) {
  const SequenceCache& cache = engine.cache(sequence);
  return cached_rows(cache.pool().indexer_key_scales(layer), cache.blocks(), count);
}

/// Rows times the Sylvester matrix H[i][j] = (-1)^popcount(i & j) / sqrt(dim), from its definition.
Tensor hadamard_rows(ConstTensorView rows) {
  const std::int64_t dim = rows.dim(1);
  Tensor out(DType::f32, {rows.dim(0), dim});
  for (std::int64_t t = 0; t < rows.dim(0); ++t) {
    for (std::int64_t j = 0; j < dim; ++j) {
      double sum = 0.0;
      for (std::int64_t i = 0; i < dim; ++i) {
        const int bits = std::popcount(static_cast<std::uint64_t>(i & j));
        sum += (bits % 2 == 0 ? 1.0 : -1.0) * static_cast<double>(rows.row<float>(t)[i]);
      }
      const double root = std::sqrt(static_cast<double>(dim));
      out.view().row<float>(t)[j] = static_cast<float>(sum / root);
    }
  }
  return out;
}

/// Fails unless q * scale is x rounded to e4m3 under the smallest power-of-two scale that fits.
void check_quantised(ConstTensorView x, ConstTensorView q, ConstTensorView scales) {
  const std::int64_t dim = x.dim(1);
  for (std::int64_t t = 0; t < x.dim(0); ++t) {
    const double scale = static_cast<double>(scales.data<float>()[t]);
    double amax = 1e-4;
    for (std::int64_t i = 0; i < dim; ++i) {
      amax = std::max(amax, std::fabs(static_cast<double>(x.row<float>(t)[i])));
    }
    // The transform is a sum in f32: its rounding is that of the row's largest value.
    const double rounding = 1e-6 * amax / scale;
    CAPTURE(t, scale, amax);
    CHECK(std::exp2(std::ceil(std::log2(amax / 448.0))) == scale);
    for (std::int64_t i = 0; i < dim; ++i) {
      const double value = static_cast<double>(x.row<float>(t)[i]) / scale;
      const double kept = static_cast<double>(e4m3_to_f32(q.row<std::uint8_t>(t)[i]));
      // Half a step of e4m3 at this magnitude, and the rounding of x itself.
      const double step = std::exp2(std::max(std::floor(std::log2(std::fabs(value))), -6.0) - 3.0);
      CHECK_FALSE(!(std::fabs(value - kept) <= 0.5 * step + 1e-5 * std::fabs(value) + rounding));
    }
  }
}

TEST_CASE("the keys in the cache are the exact mode's keys, transformed and quantised") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const auto tokens = random_tokens(random, *model.config, 30);
  const auto pattern = LayerPattern::all_full(model.config->num_layers);
  Engine exact = make_engine(model, pattern, with_mode(IndexerMode::exact));
  const std::int64_t exact_sequence = exact.add_sequence(0);
  prefill_all(exact, exact_sequence, tokens);
  // Layer 0's input is the embedding: no mode has changed it yet.
  const Tensor keys = cached_keys(exact, exact_sequence, 0, 30);
  for (const auto mode : {IndexerMode::fp8, IndexerMode::fp8_hadamard}) {
    CAPTURE(indexer_mode_name(mode));
    Engine engine = make_engine(model, pattern, with_mode(mode));
    const std::int64_t sequence = engine.add_sequence(0);
    prefill_all(engine, sequence, tokens);
    check_quantised(mode == IndexerMode::fp8 ? keys.view() : hadamard_rows(keys).view(),
                    cached_keys(engine, sequence, 0, 30), cached_scales(engine, sequence, 0, 30));
  }
}

/// Row of one layer's recorded values as a tensor.
Tensor stack(const ForwardRecorder::Rows& rows) {
  Tensor out(DType::f32, {std::ssize(rows), std::ssize(rows[0])});
  for (std::size_t t = 0; t < rows.size(); ++t) {
    std::copy(rows[t].begin(), rows[t].end(), out.view().row<float>(static_cast<std::int64_t>(t)));
  }
  return out;
}

/// Queries [tokens, heads, dim] as the engine makes them from a layer's qr, before quantisation.
Tensor rotated_queries(const ModelConfig& config, const IndexerWeights& weights,
                       ConstTensorView qr) {
  const Context ctx;
  const std::int64_t rows = qr.dim(0), half = config.qk_rope_dim / 2;
  Tensor q(DType::f32, {rows, config.index_heads, config.index_dim});
  ops::linear(ctx, {qr, weights.wq_b, {}, q.view().reshaped({rows, weights.wq_b.dim(0)})});
  Tensor positions(DType::i32, {rows}), cos(DType::f32, {rows, half}),
      sin(DType::f32, {rows, half});
  for (std::int64_t t = 0; t < rows; ++t) positions.data<std::int32_t>()[t] = static_cast<int>(t);
  const auto frequencies = ops::rope_frequencies(config.rope);
  ops::rope_angles(ctx, {&frequencies, positions, cos, sin});
  ops::rope(
      ctx, {q.view().columns(0, config.qk_rope_dim), cos, sin, family_indexer_rope(config.family)});
  return q;
}

TEST_CASE("selections follow the quantised values, with every scale applied") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const ModelConfig& config = *model.config;
  const std::int64_t heads = config.index_heads, dim = config.index_dim;
  const auto tokens = random_tokens(random, config, config.index_top_k + 30);
  const std::int64_t rows = std::ssize(tokens);
  for (const auto mode : {IndexerMode::fp8, IndexerMode::fp8_hadamard}) {
    Engine engine = make_engine(model, LayerPattern::all_full(config.num_layers), with_mode(mode));
    const std::int64_t sequence = engine.add_sequence(0);
    ForwardRecorder recorder;
    prefill_all(engine, sequence, tokens, &recorder);
    for (std::int64_t l = 0; l < config.num_layers; ++l) {
      CAPTURE(indexer_mode_name(mode), l);
      const auto& recorded = recorder.at(sequence).layers[l];
      const IndexerWeights& weights = *model.weights->layers[l].attention.indexer;
      const Tensor q = rotated_queries(config, weights, stack(recorded.q_latent_norm));
      const ConstTensorView q_rows = q.view().reshaped({rows * heads, dim});
      Tensor turned = mode == IndexerMode::fp8_hadamard ? hadamard_rows(q_rows) : Tensor();
      Tensor q8(DType::f8_e4m3, {rows, heads, dim}), scales(DType::f32, {rows * heads, 1});
      ops::quantize_fp8({}, {turned.empty() ? q_rows : turned.view(),
                             q8.view().reshaped({rows * heads, dim}), scales, dim, true});
      Tensor gates(DType::f32, {rows, heads});
      ops::linear({}, {stack(recorded.attention_input), weights.weights_proj, {}, gates});
      for (std::int64_t i = 0; i < rows * heads; ++i) {
        gates.data<float>()[i] *= scales.data<float>()[i];
      }
      const Tensor keys = cached_keys(engine, sequence, l, rows);
      const Tensor key_scales = cached_scales(engine, sequence, l, rows);
      for (std::int64_t t = 0; t < rows; ++t) {
        CAPTURE(t);
        const auto scores = reference::indexer_scores_row(q8, gates, t, keys, key_scales, t + 1);
        // A query's rounding to e4m3 may fall the other way after another transform's f32 sums.
        const double tolerance = mode == IndexerMode::fp8 ? kTolerance : 0.01;
        check_selection(recorder.at(sequence).index_sets[l][t], scores, config.index_top_k,
                        tolerance * largest_magnitude(scores));
      }
    }
  }
}

/// Bytes of `actual` that differ from `expected`, and fails where one is more than a code away.
std::int64_t differing_codes(ConstTensorView actual, ConstTensorView expected) {
  REQUIRE(actual.num_elements() == expected.num_elements());
  std::int64_t differing = 0;
  for (std::int64_t i = 0; i < expected.num_elements(); ++i) {
    const int a = actual.data<std::uint8_t>()[i], b = expected.data<std::uint8_t>()[i];
    if (a == b) continue;
    CHECK(std::abs(a - b) == 1);
    ++differing;
  }
  return differing;
}

TEST_CASE("quantisation and scores reproduce the reference's") {
  const auto golden = SafetensorsFile::open(kFolder + "/fp8_indexer.safetensors");
  const ConstTensorView q = golden.tensor("q"), k = golden.tensor("k");
  const ConstTensorView gate = golden.tensor("gate");
  const std::int64_t rows = q.dim(0), heads = q.dim(1), dim = q.dim(2);
  for (const std::string scheme : {"plain", "hadamard"}) {
    CAPTURE(scheme);
    Tensor q_rows(DType::f32, {rows * heads, dim}), k_rows(DType::f32, {rows, dim});
    std::copy_n(q.data<float>(), q.num_elements(), q_rows.data<float>());
    std::copy_n(k.data<float>(), k.num_elements(), k_rows.data<float>());
    if (scheme == "hadamard") {
      ops::hadamard({}, {q_rows});
      ops::hadamard({}, {k_rows});
    }
    Tensor q8(DType::f8_e4m3, {rows * heads, dim}), k8(DType::f8_e4m3, {rows, dim});
    Tensor q_scale(DType::f32, {rows * heads, 1}), k_scale(DType::f32, {rows, 1});
    ops::quantize_fp8({}, {q_rows, q8, q_scale, dim, true});
    ops::quantize_fp8({}, {k_rows, k8, k_scale, dim, true});
    CHECK(same_bits(q_scale.view(), golden.tensor(scheme + ".q_scale")));
    CHECK(same_bits(k_scale.view(), golden.tensor(scheme + ".k_scale")));
    CHECK(differing_codes(q8, golden.tensor(scheme + ".q8")) <= (scheme == "plain" ? 0 : 8));
    CHECK(differing_codes(k8, golden.tensor(scheme + ".k8")) <= (scheme == "plain" ? 0 : 4));

    // From here on the reference's own bytes: gate' = gate * s_q * dim^-0.5.
    Tensor gates(DType::f32, {rows, heads});
    const float root = std::sqrt(static_cast<float>(dim));
    for (std::int64_t i = 0; i < rows * heads; ++i) {
      gates.data<float>()[i] =
          gate.data<float>()[i] * golden.tensor(scheme + ".q_scale").data<float>()[i] / root;
    }
    const ConstTensorView scores = golden.tensor(scheme + ".scores");
    const std::int64_t top_k = 16;
    Tensor indices(DType::i32, {rows, top_k}), margins(DType::f32, {rows});
    std::uint64_t runs = 0;
    const ops::IndexerSequence sequence{
        {0, rows, 0}, golden.tensor(scheme + ".k8"), golden.tensor(scheme + ".k_scale")};
    ops::indexer_topk(
        {}, {golden.tensor(scheme + ".q8"), gates, {&sequence, 1}, top_k, indices, margins, &runs});
    CHECK(runs == 1);
    for (std::int64_t t = 0; t < rows; ++t) {
      CAPTURE(t);
      const std::vector<double> row(scores.row<float>(t), scores.row<float>(t) + t + 1);
      std::vector<std::int32_t> selected;
      for (std::int64_t i = 0; i < top_k; ++i) {
        const std::int32_t position = indices.view().row<std::int32_t>(t)[i];
        if (position >= 0) selected.push_back(position);
      }
      check_selection(selected, row, top_k, kTolerance * largest_magnitude(row));
      if (t < top_k) continue;
      const double margin = reference::topk_margin(row, top_k);
      CHECK(std::fabs(static_cast<double>(margins.data<float>()[t]) - margin) <= kTolerance);
    }
  }
}

/// Columns in transformers' order: its interleaved rope writes the first elements of all pairs,
/// then the second ones. Queries and keys alike, so that no score changes.
template <class T>
Tensor in_reference_order(ConstTensorView rows, std::int64_t rope_dim) {
  Tensor out(rows.dtype(), {rows.dim(0), rows.dim(1)});
  for (std::int64_t t = 0; t < rows.dim(0); ++t) {
    for (std::int64_t i = 0; i < rows.dim(1); ++i) {
      const std::int64_t half = rope_dim / 2;
      const std::int64_t from = i >= rope_dim ? i : i < half ? 2 * i : 2 * (i - half) + 1;
      out.view().row<T>(t)[i] = rows.row<T>(t)[from];
    }
  }
  return out;
}

TEST_CASE("the engine's cached keys are the reference's, exact and quantised") {
  const auto config =
      std::make_shared<const ModelConfig>(load_model_config(kFolder + "/config.json"));
  const RandomModel model{config, std::make_shared<const Weights>(load_weights(*config, kFolder))};
  const auto inputs = SafetensorsFile::open(kFolder + "/golden.safetensors");
  const auto golden = SafetensorsFile::open(kFolder + "/fp8_indexer.safetensors");
  const ConstTensorView ids = inputs.tensor("p1.input_ids");
  const std::vector<std::int32_t> tokens(ids.data<std::int32_t>(),
                                         ids.data<std::int32_t>() + ids.num_elements());
  const auto pattern = LayerPattern::all_full(config->num_layers);
  Engine exact = make_engine(model, pattern, with_mode(IndexerMode::exact));
  const std::int64_t exact_sequence = exact.add_sequence(0);
  prefill_all(exact, exact_sequence, tokens);
  const Tensor keys = in_reference_order<float>(
      cached_keys(exact, exact_sequence, kGoldenLayer, std::ssize(tokens)), config->qk_rope_dim);
  check_close(keys.view(), golden.tensor("k"), kTolerance);

  // Up to index_top_k tokens no selection cuts anything, so that both modes have the same inputs.
  // (Another order of the columns makes another Hadamard transform: its bytes are compared above.)
  const std::int64_t same_inputs = config->index_top_k;
  Engine quantised = make_engine(model, pattern, with_mode(IndexerMode::fp8));
  const std::int64_t sequence = quantised.add_sequence(0);
  prefill_all(quantised, sequence, tokens);
  CHECK(same_bits(cached_scales(quantised, sequence, kGoldenLayer, same_inputs),
                  golden.tensor("plain.k_scale").rows(0, same_inputs)));
  const Tensor codes = in_reference_order<std::uint8_t>(
      cached_keys(quantised, sequence, kGoldenLayer, same_inputs), config->qk_rope_dim);
  CHECK(differing_codes(codes.view(), golden.tensor("plain.k8").rows(0, same_inputs)) <= 2);
}

}  // namespace
}  // namespace dsabench::test
