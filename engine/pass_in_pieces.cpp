#include "engine/pass_in_pieces.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kernels/base/check.h"

namespace dsabench {
namespace {

Tensor copy_of(ConstTensorView view, DeviceQueue* queue) {
  Tensor copy(view.dtype(), {view.dim(0), view.dim(1)}, queue);
  if (queue != nullptr) {
    queue->copy(copy.view().raw(), view.raw(), view.bytes());
  } else {
    std::copy_n(view.raw(), view.bytes(), copy.view().raw());
  }
  return copy;
}

void copy_to(const Tensor& from, TensorView to) {
  if (from.queue() != nullptr) return from.queue()->copy(to.raw(), from.view().raw(), to.bytes());
  std::copy_n(from.view().raw(), to.bytes(), to.raw());
}

}  // namespace

PassInPieces::PassInPieces(const Engine& engine, const std::uint64_t& changes, Forward& forward,
                           const PassInput& input, std::vector<ForwardEntry> entries)
    : engine_(&engine),
      changes_(&changes),
      begun_at_(changes),
      forward_(&forward),
      input_(input),
      entries_(std::move(entries)),
      last_run_(static_cast<std::size_t>(engine.config().num_layers)) {
  forward_->begin(input_, entries_);
}

void PassInPieces::check_open() const {
  if (*changes_ != begun_at_) {
    throw InvalidArgument("engine: a pass in pieces goes on after another call changed the engine");
  }
}

void PassInPieces::run(const LayerPattern& pattern, std::int64_t end, ForwardObserver* observer) {
  check_open();
  const std::int64_t layers = engine_->config().num_layers;
  if (end < layer_ || end > layers) {
    throw InvalidArgument(fmt::format("engine: a pass that stands before layer {} of {} run to {}",
                                      layer_, layers, end));
  }
  if (pattern.num_layers() != layers) {
    throw InvalidArgument(fmt::format("engine: pattern {} has {} letters, {} has {} layers",
                                      pattern.letters(), pattern.num_layers(),
                                      engine_->config().name, layers));
  }
  for (std::int64_t layer = layer_; layer < end; ++layer) {
    if (pattern.is_full(layer) && !engine_->pattern().is_full(layer)) {
      throw InvalidArgument(
          fmt::format("engine: pattern {} is Full at layer {}, the engine's has no indexer cache "
                      "there: {}",
                      pattern.letters(), layer, engine_->pattern().letters()));
    }
    last_run_[static_cast<std::size_t>(layer)] = ++num_runs_;
  }
  forward_->continue_to(input_, pattern, layer_, end, observer);
  layer_ = end;
}

PassInPieces::Place PassInPieces::place() const {
  check_open();
  Place place;
  place.layer_ = layer_;
  place.below_.assign(last_run_.begin(), last_run_.begin() + layer_);
  const TensorView residual = forward_->residual(), indices = forward_->indices().indices();
  DeviceQueue* queue = forward_->queue();
  place.residual_ = copy_of(residual, queue);
  if (!indices.empty()) place.indices_ = copy_of(indices, queue);
  return place;
}

void PassInPieces::return_to(const Place& place) {
  take_indices(place);
  if (!std::equal(place.below_.begin(), place.below_.end(), last_run_.begin())) {
    throw InvalidArgument(
        fmt::format("engine: a pass returns to layer {}, below which a layer has run again since",
                    place.layer_));
  }
  copy_to(place.residual_, forward_->residual());
  layer_ = place.layer_;
}

void PassInPieces::take_indices(const Place& place) {
  check_open();
  if (!place.indices_.empty()) copy_to(place.indices_, forward_->indices().indices());
}

void PassInPieces::logits(std::span<const TensorView> logits) {
  check_open();
  if (layer_ != engine_->config().num_layers) {
    throw InvalidArgument(fmt::format("engine: logits of a pass that stands before layer {} of {}",
                                      layer_, engine_->config().num_layers));
  }
  if (logits.size() != entries_.size()) {
    throw InvalidArgument(fmt::format("engine: logits of {} entries, the pass has {}",
                                      logits.size(), entries_.size()));
  }
  for (std::size_t e = 0; e < logits.size(); ++e) {
    entries_[e].logits = logits[e];
    if (logits[e].empty()) continue;
    const Context place{.device = logits[e].device().is_cpu() ? Device() : engine_->device()};
    const std::int64_t rows = std::clamp<std::int64_t>(logits[e].dim(0), 1, entries_[e].num_rows);
    check_tensor(place, "engine", "logits", logits[e], DType::f32,
                 {rows, engine_->config().vocab_size});
    if (!logits[e].is_contiguous()) throw InvalidArgument("engine: logits must be contiguous");
  }
  forward_->end(entries_);
  DeviceQueue* queue = forward_->queue();
  if (queue != nullptr) queue->wait();
}

}  // namespace dsabench
