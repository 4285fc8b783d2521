#include "harness/run/cell_verifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "harness/run/reference_layer.h"
#include "kernels/reference/attention.h"
#include "kernels/reference/fp8.h"
#include "kernels/reference/indexer.h"

namespace dsabench {
namespace {

/// What a path may differ from double precision by.
struct Tolerances {
  double value;  ///< normalised error of latents, keys and attention outputs
  double score;  ///< distance from the k-th score, over the largest magnitude of the row, within
                 ///< which a pick may differ
};

/// In bf16 the reference rounds where the path does: what is left are single roundings that fall
/// the other way, of 2^-8 each, and the weights of the softmax, which the path rounds too.
Tolerances tolerances_of(DType dtype) {
  if (dtype == DType::bf16) return {.value = 2e-2, .score = 1e-2};
  return {.value = 1e-4, .score = 1e-4};
}

/// The same for a cached e4m3 key or latent: a value next to a rounding boundary may take the
/// neighbouring code.
constexpr double kFp8KeyTolerance = 0.08;
/// The score's tolerance in the fp8 modes.
constexpr double kFp8ScoreTolerance = 2e-2;

/// max |actual - expected| / max |expected|; infinite where anything is not a number.
template <class Expected>
double normalised_error(std::span<const float> actual, const std::vector<Expected>& expected) {
  double largest = 0.0, scale = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double error = std::fabs(static_cast<double>(actual[i]) - expected[i]);
    if (!(error <= largest)) largest = error;
    if (std::isnan(largest)) return std::numeric_limits<double>::infinity();
    scale = std::max(scale, std::fabs(static_cast<double>(expected[i])));
  }
  return scale > 0.0 ? largest / scale : largest;
}

std::span<const float> row_of(const HostView& view, std::int64_t row) {
  return {view.row<float>(row), static_cast<std::size_t>(view.dim(view.rank() - 1))};
}

std::vector<std::int32_t> picks_of(const HostView& indices, std::int64_t row) {
  const auto* begin = indices.row<std::int32_t>(row);
  std::vector<std::int32_t> picks;
  std::copy_if(begin, begin + indices.dim(1), std::back_inserter(picks),
               [](std::int32_t index) { return index >= 0; });
  return picks;
}

}  // namespace

struct CellVerifier::State {
  struct ActiveRow {
    CheckedRow at;
    std::int64_t packed_row = 0;
    std::vector<std::int32_t> picks;  ///< of the nearest Full layer so far
  };

  State(const Engine& the_engine, HostAttention& the_weights, std::vector<CheckedRow> the_rows)
      : engine(the_engine),
        weights(the_weights),
        reference(engine.config(), engine.options(), engine.dtype()),
        tolerances(tolerances_of(engine.dtype())),
        rows(std::move(the_rows)) {}

  void fail(const CheckedRow& at, std::int64_t layer, const std::string& what) {
    if (!report.failure.empty()) return;
    report.failure = fmt::format("layer {}, sequence {}, position {}: {}", layer, at.sequence,
                                 at.position, what);
  }
  /// Keeps the largest error and fails where it exceeds the tolerance; NaN does.
  void judge(const CheckedRow& at, std::int64_t layer, const char* what, double error,
             double tolerance, double& largest) {
    if (!(error <= largest)) largest = error;
    if (!(error <= tolerance)) {
      fail(at, layer,
           fmt::format("{} is off by {:.3g} (tolerance {:.1g})", what, error, tolerance));
    }
  }

  /// The values of a row of the fp8 cache.
  std::vector<float> fp8_values(const HostView& latents, std::int64_t row) const {
    return reference::fp8_latent_values(
        {latents.row<std::uint8_t>(row), static_cast<std::size_t>(latents.dim(1))},
        engine.config().kv_lora_rank, engine.config().qk_rope_dim);
  }
  Tensor picked_latents(const ActiveRow& row, std::int64_t layer) const;

  void check_caches(const ActiveRow& row, std::int64_t layer, std::span<const float> x);
  void check_picks(ActiveRow& row, const LayerTrace& trace, std::span<const float> x);
  void check_selection(const ActiveRow& row, std::int64_t layer, std::span<const float> x,
                       const std::vector<std::int32_t>& picks);
  std::vector<double> attention_output(const ActiveRow& row, std::int64_t layer,
                                       std::span<const float> x);

  const Engine& engine;
  HostAttention& weights;
  ReferenceLayer reference;
  Tolerances tolerances;
  std::vector<CheckedRow> rows;
  std::vector<ActiveRow> active;
  VerificationReport report;
};

void CellVerifier::State::check_caches(const ActiveRow& row, std::int64_t layer,
                                       std::span<const float> x) {
  const AttentionWeights& layer_weights = weights.of(layer);
  const SequenceCache& cache = engine.cache(row.at.sequence);
  const BlockPool& pool = cache.pool();
  const std::int64_t cached = cache.row(row.at.position);
  const HostView latents = pool.latents(layer);
  const bool fp8 = latents.dtype() == DType::u8;
  const auto held = fp8 ? fp8_values(latents, cached) : std::vector<float>();
  judge(row.at, layer, "cached latent",
        normalised_error(fp8 ? std::span<const float>(held) : row_of(latents, cached),
                         reference.latent_row(layer_weights, x, row.at.position)),
        fp8 ? kFp8KeyTolerance : tolerances.value, report.max_latent_error);
  if (!pool.has_indexer_cache(layer)) return;
  const auto expected = reference.key_row(layer_weights.indexer.value(), x, row.at.position);
  const HostView keys = pool.indexer_keys(layer);
  if (keys.dtype() == DType::f32) {
    judge(row.at, layer, "cached indexer key", normalised_error(row_of(keys, cached), expected),
          tolerances.value, report.max_key_error);
    return;
  }
  std::vector<float> key;
  const HostView scales = pool.indexer_key_scales(layer).rows(cached, 1);
  const float scale = *scales.row<float>(0);
  const std::uint8_t* codes = keys.row<std::uint8_t>(cached);
  for (std::int64_t i = 0; i < keys.dim(1); ++i) {
    const std::uint8_t code = codes[i];
    key.push_back(static_cast<float>(reference::e4m3_value(code)) * scale);
  }
  judge(row.at, layer, "cached indexer key", normalised_error(key, expected), kFp8KeyTolerance,
        report.max_key_error);
}

void CellVerifier::State::check_selection(const ActiveRow& row, std::int64_t layer,
                                          std::span<const float> x,
                                          const std::vector<std::int32_t>& picks) {
  const SequenceCache& cache = engine.cache(row.at.sequence);
  const bool exact = engine.options().indexer_mode == IndexerMode::exact;
  const std::int64_t top_k = engine.config().index_top_k;
  const std::int64_t num_keys = row.at.position + 1;
  const Tensor keys = cached_rows(cache.pool().indexer_keys(layer), cache.blocks(), num_keys);
  Tensor scales;
  if (!exact) {
    scales = cached_rows(cache.pool().indexer_key_scales(layer), cache.blocks(), num_keys);
  }
  const auto scores = reference.scores(weights.of(layer), x, row.at.position, keys, scales);
  const auto expected = reference::topk_positions(scores, top_k);
  if (picks.size() != expected.size()) {
    return fail(row.at, layer,
                fmt::format("{} keys picked, {} expected", picks.size(), expected.size()));
  }
  double largest = 0.0, kth = std::numeric_limits<double>::infinity();
  for (const double score : scores) largest = std::max(largest, std::fabs(score));
  for (const std::int32_t pick : expected) kth = std::min(kth, scores[std::size_t(pick)]);
  std::vector<std::int32_t> difference;
  std::set_symmetric_difference(picks.begin(), picks.end(), expected.begin(), expected.end(),
                                std::back_inserter(difference));
  const double tolerance = (exact ? tolerances.score : kFp8ScoreTolerance) * largest;
  for (const std::int32_t pick : difference) {
    const double distance = std::fabs(scores[static_cast<std::size_t>(pick)] - kth);
    if (!(distance <= tolerance)) {
      return fail(row.at, layer,
                  fmt::format("index set differs at key {}, whose score is {:.3g} "
                              "from the k-th (tolerance {:.3g})",
                              pick, distance, tolerance));
    }
    ++report.near_ties;
  }
}

void CellVerifier::State::check_picks(ActiveRow& row, const LayerTrace& trace,
                                      std::span<const float> x) {
  if (trace.indices.empty()) {  // dense attention
    row.picks = reference::causal_positions(row.at.position);
    return;
  }
  auto picks = picks_of(trace.indices, row.packed_row);
  std::sort(picks.begin(), picks.end());
  if (picks.empty() || picks.back() > row.at.position ||
      std::adjacent_find(picks.begin(), picks.end()) != picks.end()) {
    return fail(row.at, trace.layer, "index set is empty, repeats a key or is not causal");
  }
  if (engine.pattern().is_full(trace.layer)) {
    check_selection(row, trace.layer, x, picks);
  } else if (picks != row.picks) {
    fail(row.at, trace.layer,
         fmt::format("a Shared layer attends another set than layer {}",
                     engine.pattern().source_layer(trace.layer)));
  }
  row.picks = std::move(picks);
}

/// The values of the cached latents that the row picks, on the host.
Tensor CellVerifier::State::picked_latents(const ActiveRow& row, std::int64_t layer) const {
  const SequenceCache& cache = engine.cache(row.at.sequence);
  const ConstTensorView latents = cache.pool().latents(layer);
  if (latents.dtype() == DType::u8) {
    const Tensor all = cached_rows(latents, cache.blocks(), row.at.position + 1);
    const ModelConfig& config = engine.config();
    Tensor values(DType::f32, {std::ssize(row.picks), config.kv_lora_rank + config.qk_rope_dim});
    for (std::size_t i = 0; i < row.picks.size(); ++i) {
      const auto value = fp8_values(all, row.picks[i]);
      std::copy(value.begin(), value.end(), values.view().row<float>(static_cast<std::int64_t>(i)));
    }
    return values;
  }
  std::vector<std::int32_t> cached;
  for (const std::int32_t pick : row.picks) {
    cached.push_back(static_cast<std::int32_t>(cache.row(pick)));
  }
  return gathered_rows(latents, cached);
}

std::vector<double> CellVerifier::State::attention_output(const ActiveRow& row, std::int64_t layer,
                                                          std::span<const float> x) {
  const Tensor picked = picked_latents(row, layer);
  std::vector<std::int32_t> all(row.picks.size());
  std::iota(all.begin(), all.end(), 0);
  return reference.attention_output(weights.of(layer), x, row.at.position, picked, all);
}

CellVerifier::CellVerifier(const Engine& engine, HostAttention& weights,
                           std::vector<CheckedRow> rows)
    : state_(std::make_unique<State>(engine, weights, std::move(rows))) {}
CellVerifier::~CellVerifier() = default;

void CellVerifier::on_forward(std::span<const ForwardRows> rows, HostView) {
  state_->active.clear();
  for (const CheckedRow& wanted : state_->rows) {
    for (const ForwardRows& span : rows) {
      const std::int64_t offset = wanted.position - span.first_position;
      if (span.sequence == wanted.sequence && offset >= 0 && offset < span.num_rows) {
        state_->active.push_back({wanted, span.row_begin + offset, {}});
      }
    }
  }
}

void CellVerifier::on_layer(const LayerTrace& trace) {
  for (State::ActiveRow& row : state_->active) {
    const auto x = row_of(trace.attention_input, row.packed_row);
    state_->check_caches(row, trace.layer, x);
    state_->check_picks(row, trace, x);
    const auto expected = state_->attention_output(row, trace.layer, x);
    state_->judge(row.at, trace.layer, "attention output",
                  normalised_error(row_of(trace.attention_output, row.packed_row), expected),
                  state_->tolerances.value, state_->report.max_attention_error);
    ++state_->report.rows_checked;
  }
}

void CellVerifier::on_final_norm(HostView) {}

const VerificationReport& CellVerifier::report() const { return state_->report; }

std::vector<CheckedRow> sample_rows(std::span<const std::int64_t> sequences,
                                    std::span<const std::int64_t> lengths, std::int64_t count,
                                    std::uint64_t seed) {
  std::vector<CheckedRow> rows;
  if (sequences.empty()) return rows;
  rows.push_back({sequences[0], lengths[0] - 1});
  std::mt19937_64 random(seed);
  for (std::int64_t i = 1; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i) % sequences.size();
    rows.push_back({sequences[at],
                    static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(lengths[at]))});
  }
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

std::string VerificationReport::to_json() const {
  const nlohmann::json document = {
      {"passed", passed()},
      {"failure", failure},
      {"rows_checked", rows_checked},
      {"near_ties", near_ties},
      {"max_key_error", max_key_error},
      {"max_latent_error", max_latent_error},
      {"max_attention_error", max_attention_error},
  };
  return document.dump();  // an infinite error prints as null
}

}  // namespace dsabench
