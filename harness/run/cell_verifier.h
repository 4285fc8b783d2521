#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/model/host_attention.h"

namespace dsabench {

/// One row to recompute: a position of a sequence.
struct CheckedRow {
  std::int64_t sequence = 0, position = 0;
  auto operator<=>(const CheckedRow&) const = default;
};

/// Draws `count` rows with `seed` over sequences whose positions 0..length-1 a pass computes, in
/// turn over the sequences; the last position of the first sequence is always among them. Sorted,
/// without repeats.
std::vector<CheckedRow> sample_rows(std::span<const std::int64_t> sequences,
                                    std::span<const std::int64_t> lengths, std::int64_t count,
                                    std::uint64_t seed);

/// What the check of one cell found.
struct VerificationReport {
  std::string failure;            ///< the first thing that does not hold; empty where all does
  std::int64_t rows_checked = 0;  ///< (layer, row) pairs
  std::int64_t near_ties = 0;     ///< picks that differ within the tolerance of the k-th score
  double max_key_error = 0, max_latent_error = 0, max_attention_error = 0;  ///< normalised by row
  bool passed() const { return failure.empty() && rows_checked > 0; }
  std::string to_json() const;
};

/// Recomputes rows of every layer in double precision from the path's own layer inputs and
/// compares:
///   caches     the row's latent, rotated key part and (Full layers) indexer key, from
///   attention_input index set  Full: scores against every cached key, best top_k; a pick may
///   differ only where its score lies within the
///              tolerance of the k-th. Shared: exactly the set that its source layer had
///   attention  output of the row after o_proj, from the cached latents and the row's own index set
/// Attach to passes outside timed regions. Uses kernels/reference and no operator of the path.
/// Throws nothing on a mismatch: the report says it.
class CellVerifier final : public ForwardObserver {
 public:
  /// `engine` and `weights`, those that it should have, must outlive the verifier.
  CellVerifier(const Engine& engine, HostAttention& weights, std::vector<CheckedRow> rows);
  ~CellVerifier() override;
  void on_forward(std::span<const ForwardRows> rows, HostView embedding) override;
  void on_layer(const LayerTrace& trace) override;
  void on_final_norm(HostView final_norm) override;
  const VerificationReport& report() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dsabench
