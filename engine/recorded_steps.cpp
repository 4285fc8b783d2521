#include "engine/recorded_steps.h"

#include <algorithm>
#include <utility>

namespace dsabench {

void RecordedSteps::drop_stale() {
  if (std::exchange(epoch_, queue_->memory_epoch()) != epoch_) steps_.clear();
}

RecordedStep* RecordedSteps::find(const Key& key) {
  drop_stale();
  const auto found = std::find_if(steps_.begin(), steps_.end(),
                                  [&](const auto& entry) { return entry.first == key; });
  if (found == steps_.end()) return nullptr;
  std::rotate(found, found + 1, steps_.end());
  return &steps_.back().second;
}

void RecordedSteps::add(Key key, RecordedStep step) {
  drop_stale();
  if (steps_.size() == kMost) steps_.erase(steps_.begin());
  steps_.emplace_back(std::move(key), std::move(step));
}

}  // namespace dsabench
