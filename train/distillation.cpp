#include "train/distillation.h"

#include "train/row_operators.h"

namespace dsabench::train {

void Distillation::begin(const at::Tensor& scores, const at::Tensor& keys) {
  if (target_ == IndexerTarget::none) return;
  finish();
  scores_ = scores;
  keys_ = keys;
}

bool Distillation::wants(std::int64_t layer) const {
  if (target_ == IndexerTarget::none) return false;
  return target_ != IndexerTarget::own || pattern_.is_full(layer);
}

void Distillation::serve(std::int64_t layer, const at::Tensor& probabilities) {
  if (!wants(layer)) return;
  const at::Tensor term = target_ == IndexerTarget::loss_of_the_mean
                              ? probabilities
                              : divergence(probabilities, scores_, keys_);
  sum_ = served_ == 0 ? term : sum_ + term;
  ++served_;
}

void Distillation::finish() {
  if (served_ == 0) return;
  const at::Tensor mean = sum_ / served_;
  losses_.push_back(target_ == IndexerTarget::loss_of_the_mean ? divergence(mean, scores_, keys_)
                                                               : mean);
  served_ = 0;
  sum_.reset();
  scores_.reset();
  keys_.reset();
}

}  // namespace dsabench::train
