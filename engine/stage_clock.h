#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/base/device_queue.h"

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

/// Told of every change of stage as it happens, on the thread that calls the engine: for profiles.
/// On a device that is when the work is given to its queue, not when it runs.
class StageObserver {
 public:
  using Time = std::chrono::steady_clock::time_point;
  virtual ~StageObserver() = default;
  /// What ran until then ends here.
  virtual void on_enter(std::int64_t layer, Stage stage, Time at) = 0;
  /// Called in destructors.
  virtual void on_leave(Time at) noexcept = 0;
};

/// Accumulates time per layer and stage: on the host wall time, on a device what passes between
/// marks in its queue. A layer of -1 stands for what belongs to no layer (embedding, final norm,
/// lm_head). Taking the time costs tens of nanoseconds on the host and a mark (about a microsecond)
/// on a device, about 20 times a layer and pass; a device's marks are read when times are asked
/// for, which waits for them.
class StageClock {
  struct Mark {
    std::size_t row;  ///< what runs from this mark on
    int stage;
  };
  struct Marks {
    std::unique_ptr<DeviceTimeline> timeline;  ///< null on the host
    std::vector<Mark> marks;
  };

 public:
  /// The marks of work that a device's queue recorded.
  class Recording {
    friend StageClock;
    Marks marks_;
  };

  explicit StageClock(std::int64_t num_layers, DeviceQueue* queue = nullptr);
  void reset();
  /// Ends the running stage, if any, and starts another.
  void enter(std::int64_t layer, Stage stage);
  /// Ends the running stage.
  void leave();
  /// Null: nobody, at the cost of a test. On the host the spans between the times that it is told
  /// add up to the times here.
  void observe(StageObserver* observer) { observer_ = observer; }
  bool is_observed() const { return observer_ != nullptr; }
  /// Whether a device's queue is marked at all: at first it is. Without marks there are no times.
  /// Not while a stage runs.
  void set_marking(bool marking) { marking_ = marking; }
  bool is_marking() const { return marking_; }

  /// Between these calls the queue records: marks belong to what it records. No stage runs at
  /// either.
  void begin_recording();
  Recording end_recording();
  /// Adds the times of the last replay of a recording; waits for it.
  void add(const Recording& recording);

  std::int64_t nanoseconds(std::int64_t layer, Stage stage) const;
  std::int64_t nanoseconds(Stage stage) const;  ///< over all layers
  std::int64_t total_nanoseconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  using Times = std::vector<std::array<std::int64_t, kNumStages>>;
  static constexpr std::size_t kIdle = static_cast<std::size_t>(-1);
  const Times& settled() const;
  void add_times(const Marks& marks) const;
  void mark(std::size_t row, int stage);

  mutable Times times_;  ///< row 0: layer -1
  std::size_t row_ = kIdle;
  int stage_ = 0;
  Clock::time_point since_;
  StageObserver* observer_ = nullptr;
  DeviceQueue* queue_;  ///< null on the host
  bool marking_ = true;
  mutable Marks passed_;  ///< not yet in times_
  Marks set_aside_;       ///< passed_ while the queue records
};

}  // namespace dsabench
