#include "train/distillation.h"

#include "train/layer_math.h"

namespace dsabench::train {
namespace {

at::Tensor divergence(const at::Tensor& p, const at::Tensor& log_q) {
  return at::xlogy(p, p).sum() - at::dot(p.flatten(), log_q.flatten());
}

}  // namespace

void Distillation::begin(const at::Tensor& scores, const at::Tensor& keys) {
  if (target_ == IndexerTarget::none) return;
  finish();
  // Not minus infinity: no probability times that would be no number.
  constexpr double kNever = -1e30;
  const at::Tensor outside = ~keys;
  log_q_ = at::log_softmax(scores.masked_fill(outside, kNever), -1, at::kFloat);
}

bool Distillation::wants(std::int64_t layer) const {
  if (target_ == IndexerTarget::none) return false;
  return target_ != IndexerTarget::own || pattern_.is_full(layer);
}

void Distillation::serve(std::int64_t layer, const at::Tensor& probabilities) {
  if (!wants(layer)) return;
  const at::Tensor term = target_ == IndexerTarget::loss_of_the_mean
                              ? probabilities
                              : divergence(probabilities, log_q_);
  sum_ = served_ == 0 ? term : sum_ + term;
  ++served_;
}

void Distillation::finish() {
  if (served_ == 0) return;
  const at::Tensor mean = sum_ / served_;
  losses_.push_back(target_ == IndexerTarget::loss_of_the_mean ? divergence(mean, log_q_) : mean);
  served_ = 0;
  sum_.reset();
  log_q_.reset();
}

}  // namespace dsabench::train
