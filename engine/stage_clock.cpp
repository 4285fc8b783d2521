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

StageClock::StageClock(std::int64_t num_layers) : times_(static_cast<std::size_t>(num_layers + 1)) {
  reset();
}

void StageClock::reset() {
  for (auto& row : times_) row.fill(0);
  row_ = nullptr;
}

void StageClock::enter(std::int64_t layer, Stage stage) {
  const auto now = Clock::now();
  if (row_ != nullptr) (*row_)[static_cast<std::size_t>(stage_)] += (now - since_).count();
  row_ = &times_.at(static_cast<std::size_t>(layer + 1));
  stage_ = static_cast<int>(stage);
  since_ = now;
}

void StageClock::leave() {
  if (row_ == nullptr) return;
  (*row_)[static_cast<std::size_t>(stage_)] += (Clock::now() - since_).count();
  row_ = nullptr;
}

std::int64_t StageClock::nanoseconds(std::int64_t layer, Stage stage) const {
  return times_.at(static_cast<std::size_t>(layer + 1))[static_cast<std::size_t>(stage)];
}

std::int64_t StageClock::nanoseconds(Stage stage) const {
  std::int64_t sum = 0;
  for (const auto& row : times_) sum += row[static_cast<std::size_t>(stage)];
  return sum;
}

std::int64_t StageClock::total_nanoseconds() const {
  std::int64_t sum = 0;
  for (const auto& row : times_) sum = std::accumulate(row.begin(), row.end(), sum);
  return sum;
}

}  // namespace dsabench
