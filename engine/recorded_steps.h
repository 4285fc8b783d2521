#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/stage_clock.h"
#include "kernels/base/device_queue.h"
#include "kernels/base/tensor_view.h"

namespace dsabench {

/// A decode step that a device's queue recorded.
struct RecordedStep {
  std::unique_ptr<DeviceGraph> graph;
  StageClock::Recording marks;  ///< none where the clock did not mark
  ConstTensorView logits;       ///< as Forward::compute_logits returned it
};

/// The decode steps that were recorded last, each found by what it was recorded with. All are
/// dropped once memory of the device changed hands: they would read what is no longer there.
class RecordedSteps {
 public:
  /// What a step reads and writes beside weights, scratch and the call's input, which lies at the
  /// same place for as many rows.
  struct Key {
    struct Row {
      const void* block_table = nullptr;
      std::int64_t capacity = 0;     ///< positions that the table has blocks for
      const void* logits = nullptr;  ///< null for none
      bool operator==(const Row&) const = default;
    };
    std::vector<Row> rows;
    bool has_marks = false;
    bool operator==(const Key&) const = default;
  };

  explicit RecordedSteps(const DeviceQueue* queue) : queue_(queue) {}

  /// Null: there is none. Valid until the next call.
  RecordedStep* find(const Key& key);
  /// In place of the one that was used longest ago, where there are kMost.
  void add(Key key, RecordedStep step);

  static constexpr std::size_t kMost = 8;

 private:
  void drop_stale();

  const DeviceQueue* queue_;
  std::uint64_t epoch_ = 0;
  std::vector<std::pair<Key, RecordedStep>> steps_;  ///< the one used last at the end
};

}  // namespace dsabench
