#include "engine/stage_clock.h"

#include <numeric>
#include <utility>

namespace dsabench {

const char* stage_name(Stage stage) {
  switch (stage) {
    case Stage::indexer_proj:
      return "indexer_proj";
    case Stage::indexer_score:
      return "indexer_score";
    case Stage::topk:
      return "topk";
    case Stage::sparse_attention:
      return "sparse_attention";
    case Stage::attention_proj:
      return "attention_proj";
    case Stage::moe:
      return "moe";
    case Stage::dense_mlp:
      return "dense_mlp";
    case Stage::norm_rope_quant:
      return "norm_rope_quant";
    case Stage::lm_head:
      return "lm_head";
    case Stage::other:
      return "other";
  }
  return "?";
}

StageClock::StageClock(std::int64_t num_layers, DeviceQueue* queue)
    : times_(static_cast<std::size_t>(num_layers + 1)), queue_(queue) {
  if (queue_ != nullptr) passed_.timeline = queue_->make_timeline();
  reset();
}

void StageClock::reset() {
  if (queue_ != nullptr) passed_.timeline->forget_marks();
  passed_.marks.clear();
  for (auto& row : times_) row.fill(0);
  row_ = kIdle;
}

void StageClock::enter(std::int64_t layer, Stage stage) {
  const auto row = static_cast<std::size_t>(layer + 1);
  if (row >= times_.size()) throw InvalidArgument("StageClock: a layer that the model lacks");
  if (queue_ != nullptr) {
    if (row_ == row && stage_ == static_cast<int>(stage)) return;
    mark(row, static_cast<int>(stage));
    if (observer_ != nullptr) observer_->on_enter(layer, stage, Clock::now());
  } else {
    const auto now = Clock::now();
    if (row_ != kIdle) times_[row_][static_cast<std::size_t>(stage_)] += (now - since_).count();
    since_ = now;
    if (observer_ != nullptr) observer_->on_enter(layer, stage, now);
  }
  row_ = row;
  stage_ = static_cast<int>(stage);
}

void StageClock::leave() {
  if (row_ == kIdle) return;
  const bool untold = queue_ != nullptr && observer_ == nullptr;
  const auto now = untold ? Clock::time_point() : Clock::now();
  if (queue_ != nullptr) {
    mark(kIdle, 0);
  } else {
    times_[row_][static_cast<std::size_t>(stage_)] += (now - since_).count();
  }
  row_ = kIdle;
  if (observer_ != nullptr) observer_->on_leave(now);
}

void StageClock::mark(std::size_t row, int stage) {
  if (!marking_) return;
  passed_.timeline->mark();
  passed_.marks.push_back({row, stage});
}

void StageClock::begin_recording() {
  set_aside_ = std::exchange(passed_, {queue_->make_timeline(), {}});
}

StageClock::Recording StageClock::end_recording() {
  Recording recording;
  recording.marks_ = std::exchange(passed_, std::move(set_aside_));
  return recording;
}

void StageClock::add(const Recording& recording) { add_times(recording.marks_); }

void StageClock::add_times(const Marks& marks) const {
  const std::vector<std::int64_t> between = marks.timeline->times();
  for (std::size_t i = 0; i < between.size(); ++i) {
    if (marks.marks[i].row == kIdle) continue;
    times_[marks.marks[i].row][static_cast<std::size_t>(marks.marks[i].stage)] += between[i];
  }
}

/// All times, a device's finished marks included.
const StageClock::Times& StageClock::settled() const {
  if (passed_.marks.empty()) return times_;
  add_times(passed_);
  passed_.timeline->forget_marks();
  passed_.marks.clear();
  return times_;
}

std::int64_t StageClock::nanoseconds(std::int64_t layer, Stage stage) const {
  return settled().at(static_cast<std::size_t>(layer + 1))[static_cast<std::size_t>(stage)];
}

std::int64_t StageClock::nanoseconds(Stage stage) const {
  std::int64_t sum = 0;
  for (const auto& row : settled()) sum += row[static_cast<std::size_t>(stage)];
  return sum;
}

std::int64_t StageClock::total_nanoseconds() const {
  std::int64_t sum = 0;
  for (const auto& row : settled()) sum = std::accumulate(row.begin(), row.end(), sum);
  return sum;
}

}  // namespace dsabench
