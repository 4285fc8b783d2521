#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/engine.h"

namespace dsabench {

/// How much selections have in common, |T_a and T_b| / k, over sampled rows whose selection cuts
/// at least half of the causal keys. Empty where no such row was seen.
struct OverlapSummary {
  std::int64_t sampled_pairs = 0;  ///< pairs of neighbour rows
  /// Neighbour rows i, i+1 of one sequence at the same layer; mean over the Full layers.
  std::optional<double> neighbour_queries;
  /// One row at two successive Full layers, whatever lies between them: with an all-Full pattern
  /// neighbour layers, that is, what reuse would keep. Empty with fewer than two Full layers.
  std::optional<double> neighbour_full_layers;
  /// What independent random selections of the sampled rows would share: the mean of
  /// k / (position + 1).
  std::optional<double> chance;
  /// The Full layers, and the mean overlap of each pair of them, row-major [full, full].
  std::vector<std::int64_t> full_layers;
  std::vector<double> layer_matrix;
};

/// Measures the overlaps of the forward passes it is attached to. Samples `pairs_per_pass` pairs of
/// neighbour rows of each pass, evenly spread over those with at least 2k causal keys; both rows of
/// a pair belong to the same pass, so that decode steps of one row each give none. Keeps the
/// samples' selections of one pass: 8 * pairs * Full layers * k bytes.
class OverlapObserver : public ForwardObserver {
 public:
  explicit OverlapObserver(std::int64_t pairs_per_pass = 4) : pairs_per_pass_(pairs_per_pass) {}

  void on_forward(std::span<const ForwardRows> rows, HostView embedding) override;
  void on_layer(const LayerTrace& trace) override;
  void on_final_norm(HostView final_norm) override;

  /// Of all completed passes so far.
  OverlapSummary summary() const;

 private:
  struct Pair {
    std::int64_t row = 0, position = 0;  ///< of the first of the two
  };
  struct LayerSelections {
    std::int64_t layer = 0;
    std::vector<std::vector<std::int32_t>> first, second;  ///< per pair, ascending positions
  };
  void choose_pairs(std::int64_t top_k);
  void add_pass();

  std::int64_t pairs_per_pass_;
  std::vector<ForwardRows> rows_;
  std::vector<Pair> pairs_;
  std::vector<LayerSelections> pass_;
  std::int64_t top_k_ = 0;

  std::int64_t sampled_pairs_ = 0;
  double query_sum_ = 0.0, chance_sum_ = 0.0;
  std::vector<std::int64_t> full_layers_;
  std::vector<double> layer_sums_;  ///< [full, full]
};

}  // namespace dsabench
