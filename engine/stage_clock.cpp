#include "engine/stage_clock.h"

#include <numeric>

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
    : times_(static_cast<std::size_t>(num_layers + 1)),
      timeline_(queue == nullptr ? nullptr : queue->make_timeline()) {
  reset();
}

void StageClock::reset() {
  if (timeline_) timeline_->take();
  marks_.clear();
  for (auto& row : times_) row.fill(0);
  row_ = kIdle;
}

void StageClock::enter(std::int64_t layer, Stage stage) {
  const auto row = static_cast<std::size_t>(layer + 1);
  if (row >= times_.size()) throw InvalidArgument("StageClock: a layer that the model lacks");
  if (timeline_) {
    if (row_ == row && stage_ == static_cast<int>(stage)) return;
    timeline_->mark();
    marks_.push_back({row, static_cast<int>(stage)});
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
  const auto now = timeline_ && observer_ == nullptr ? Clock::time_point() : Clock::now();
  if (timeline_) {
    timeline_->mark();
    marks_.push_back({kIdle, 0});
  } else {
    times_[row_][static_cast<std::size_t>(stage_)] += (now - since_).count();
  }
  row_ = kIdle;
  if (observer_ != nullptr) observer_->on_leave(now);
}

/// All times, a device's finished marks included.
const StageClock::Times& StageClock::settled() const {
  if (!timeline_ || marks_.empty()) return times_;
  const std::vector<std::int64_t> between = timeline_->take();
  for (std::size_t i = 0; i < between.size(); ++i) {
    if (marks_[i].row == kIdle) continue;
    times_[marks_[i].row][static_cast<std::size_t>(marks_[i].stage)] += between[i];
  }
  marks_.clear();
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
