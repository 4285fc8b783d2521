#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <vector>

namespace dsabench {

/// Where a forward pass spends its time. The three indexer stages together are all that a Shared
/// layer saves, so that the indexer's share can be read off them.
enum class Stage {
  indexer_proj,   ///< wq_b, wk, weights_proj and the indexer's own norm, rope, Hadamard, quantise
  indexer_score,  ///< on the CPU, scoring and top-k are one fused operator and both count here
  topk,           ///< selection where it is a pass of its own
  sparse_attention,  ///< attention over latents, dense_attention's included
  attention_proj,    ///< q_a, q_b, kv_a, both halves of kv_b, o_proj
  moe,               ///< router, routed and shared experts
  dense_mlp,         ///< the feed-forward of dense layers
  norm_rope_quant,   ///< norms and rope outside the indexer, writing latents to the cache
  lm_head,           ///< gathering the wanted rows and the product
  other,             ///< embedding, residual additions, bookkeeping
};
inline constexpr int kNumStages = 10;
const char* stage_name(Stage stage);

/// Accumulates wall time per layer and stage. A layer of -1 stands for what belongs to no layer
/// (embedding, final norm, lm_head). Reading the clock costs tens of nanoseconds, about 30 times a
/// layer and pass.
class StageClock {
 public:
  explicit StageClock(std::int64_t num_layers);
  void reset();
  /// Ends the running stage, if any, and starts another.
  void enter(std::int64_t layer, Stage stage);
  /// Ends the running stage.
  void leave();

  std::int64_t nanoseconds(std::int64_t layer, Stage stage) const;
  std::int64_t nanoseconds(Stage stage) const;  ///< over all layers
  std::int64_t total_nanoseconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  std::vector<std::array<std::int64_t, kNumStages>> times_;  ///< row 0: layer -1
  std::array<std::int64_t, kNumStages>* row_ = nullptr;
  int stage_ = 0;
  Clock::time_point since_;
};

}  // namespace dsabench
