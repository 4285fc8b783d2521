#include "harness/profile/stage_recorder.h"

#include <fmt/format.h>

#include <utility>

#include "harness/profile/nvtx_ranges.h"

namespace dsabench {
namespace {

constexpr int kStageBits = 8, kLayerBits = 24;

std::int64_t nanoseconds_of(StageObserver::Time time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

std::uint64_t encode(const StageTag& tag) {
  return (static_cast<std::uint64_t>(tag.span) << (kLayerBits + kStageBits)) |
         (static_cast<std::uint64_t>(tag.layer + 1) << kStageBits) |
         static_cast<std::uint64_t>(static_cast<int>(tag.stage) + 1);
}

std::optional<StageTag> decode_stage_tag(std::uint64_t tag) {
  const auto stage = static_cast<int>(tag & ((1u << kStageBits) - 1));
  if (stage < 1 || stage > kNumStages) return std::nullopt;
  const auto layer =
      static_cast<std::int64_t>((tag >> kStageBits) & ((std::uint64_t{1} << kLayerBits) - 1));
  return StageTag{static_cast<std::int64_t>(tag >> (kLayerBits + kStageBits)), layer - 1,
                  static_cast<Stage>(stage - 1)};
}

StageRecorder::StageRecorder(const std::string& pattern, ActivityTracer* tracer) : tracer_(tracer) {
  for (std::size_t layer = 0; layer < pattern.size(); ++layer) {
    layer_names_.push_back(fmt::format("layer {} {}", layer, pattern[layer]));
  }
}

void StageRecorder::on_enter(std::int64_t layer, Stage stage, Time at) {
  end_span(at);
  if (layer != range_layer_) {
    end_layer_range();
    if (layer >= 0) nvtx_push(layer_names_.at(static_cast<std::size_t>(layer)).c_str());
    range_layer_ = layer;
  }
  spans_.push_back({pass_, layer, stage, nanoseconds_of(at), 0});
  if (tracer_ != nullptr) tracer_->set_tag(encode({std::ssize(spans_) - 1, layer, stage}));
  nvtx_push(stage_name(stage));
  open_ = true;
}

void StageRecorder::on_leave(Time at) noexcept {
  end_span(at);
  end_layer_range();
  if (tracer_ != nullptr) tracer_->set_tag(0);
  ++pass_;
}

void StageRecorder::end_span(Time at) noexcept {
  if (!open_) return;
  spans_.back().end_ns = nanoseconds_of(at);
  nvtx_pop();
  open_ = false;
}

void StageRecorder::end_layer_range() noexcept {
  if (range_layer_ >= 0) nvtx_pop();
  range_layer_ = -1;
}

std::vector<StageSpan> StageRecorder::take() {
  pass_ = 0;
  return std::exchange(spans_, {});
}

}  // namespace dsabench
