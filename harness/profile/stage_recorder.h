#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engine/stage_clock.h"
#include "harness/profile/activity_tracer.h"

namespace dsabench {

/// A stage as it ran once; on a device, as its work was given to the queue.
struct StageSpan {
  std::int64_t pass = 0;   ///< forward passes, counted
  std::int64_t layer = 0;  ///< -1: of no layer
  Stage stage = Stage::other;
  std::int64_t begin_ns = 0, end_ns = 0;  ///< of the steady clock
};

/// What a device's work is tagged with: the span that it was given in.
struct StageTag {
  std::int64_t span = 0;  ///< position among the spans
  std::int64_t layer = 0;
  Stage stage = Stage::other;
};
/// Never 0. Spans below 2^31, layers below 2^24.
std::uint64_t encode(const StageTag& tag);
/// Nothing for 0, and for what is no tag.
std::optional<StageTag> decode_stage_tag(std::uint64_t tag);

/// Keeps the spans of an engine's stages, tags the device's work with them, and shows them as
/// NVTX ranges: layers, and the stages in them.
class StageRecorder final : public StageObserver {
 public:
  /// `pattern`: F/S letters, one per layer. `tracer` may be null, else it outlives the recorder.
  StageRecorder(const std::string& pattern, ActivityTracer* tracer);

  void on_enter(std::int64_t layer, Stage stage, Time at) override;
  void on_leave(Time at) noexcept override;

  /// All since the last call. None may be open.
  std::vector<StageSpan> take();

 private:
  void end_span(Time at) noexcept;
  void end_layer_range() noexcept;

  std::vector<std::string> layer_names_;  ///< "layer 3 F"
  ActivityTracer* tracer_;
  std::vector<StageSpan> spans_;
  std::int64_t pass_ = 0, range_layer_ = -1;
  bool open_ = false;
};

}  // namespace dsabench
