#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <vector>

namespace dsabench {

/// Where a forward pass spends its time.
enum class Stage {
  indexer_proj,
  indexer_score,  ///< on the CPU, scoring and top-k are one fused operator and both count here
  topk,
  sparse_attention,
  attention_proj,
  moe,
  dense_mlp,
  norm_rope_quant,
  lm_head,
  other,
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
