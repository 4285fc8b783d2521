#include "train/optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/base/error.h"

namespace dsabench::train {

Optimizer::Optimizer(const Parameters& parameters,
                     const std::function<bool(const NamedParameter&)>& learns,
                     const AdamOptions& options)
    : options_(options) {
  std::vector<at::Tensor> values, decays;
  for (NamedParameter& parameter : parameters.named()) {
    const bool learning = learns(parameter);
    parameter.tensor.set_requires_grad(learning);
    if (!learning) continue;
    learning_.push_back(parameter.tensor);
    values.push_back(parameter.tensor.detach().flatten());
    const bool decayed = parameter.tensor.dim() > 1;
    decays.push_back(decayed ? at::ones_like(values.back()) : at::zeros_like(values.back()));
  }
  if (learning_.empty()) throw InvalidArgument("optimizer: no parameter is to learn");
  flat_ = at::cat(values);
  decay_ = at::cat(decays);
  first_ = at::zeros_like(flat_);
  second_ = at::zeros_like(flat_);
  std::int64_t begin = 0;
  for (at::Tensor& tensor : learning_) {
    tensor.set_data(flat_.narrow(0, begin, tensor.numel()).view(tensor.sizes()));
    begin += tensor.numel();
  }
}

at::Tensor Optimizer::flat_gradient() {
  std::vector<at::Tensor> gradients;
  for (at::Tensor& tensor : learning_) {
    at::Tensor& gradient = tensor.mutable_grad();
    gradients.push_back(gradient.defined() ? gradient.flatten()
                                           : at::zeros_like(tensor.detach()).flatten());
    gradient.reset();
  }
  return at::cat(gradients);
}

at::Tensor Optimizer::next_step(double learning_rate) {
  ++num_steps_;
  const double first_bias = 1.0 - std::pow(options_.beta1, double(num_steps_));
  const double second_bias = 1.0 - std::pow(options_.beta2, double(num_steps_));
  at::Tensor sizes = at::empty({3}, at::kDouble);
  sizes[0] = learning_rate / first_bias;
  sizes[1] = 1.0 / second_bias;
  sizes[2] = learning_rate * options_.weight_decay;
  return sizes;
}

at::Tensor Optimizer::step(const at::Tensor& sizes) {
  const at::NoGradGuard no_gradient;
  at::Tensor gradient = flat_gradient();
  const at::Tensor norm = gradient.norm();
  gradient.mul_((options_.clip_norm / norm).clamp_max(1.0));
  first_.mul_(options_.beta1).add_(gradient, 1.0 - options_.beta1);
  second_.mul_(options_.beta2).addcmul_(gradient, gradient, 1.0 - options_.beta2);
  const at::Tensor scale = (second_ * sizes[1]).sqrt_().add_(options_.epsilon);
  const at::Tensor change = first_ / scale * sizes[0] + flat_ * decay_ * sizes[2];
  flat_.sub_(at::where(at::isfinite(norm), change, at::zeros_like(change)));
  return norm;
}

Optimizer::State Optimizer::save() {
  State state;
  state.first = first_.to(at::kBFloat16);
  state.second = second_.to(at::kBFloat16);
  state.num_steps = num_steps_;
  first_.copy_(state.first);
  second_.copy_(state.second);
  state.first = state.first.to(at::kCPU);
  state.second = state.second.to(at::kCPU);
  return state;
}

void Optimizer::restore(const State& state) {
  if (state.first.numel() != flat_.numel() || state.second.numel() != flat_.numel()) {
    throw InvalidArgument(fmt::format("optimizer: moments of {} and {} elements, {} learn",
                                      state.first.numel(), state.second.numel(), flat_.numel()));
  }
  first_.copy_(state.first);
  second_.copy_(state.second);
  num_steps_ = state.num_steps;
}

double LearningRate::at(std::int64_t step) const {
  if (step < warmup_steps) return peak * double(step + 1) / double(warmup_steps);
  const double done =
      double(step - warmup_steps) / double(std::max<std::int64_t>(1, steps - warmup_steps));
  return last + (peak - last) * 0.5 * (1.0 + std::cos(std::numbers::pi * std::min(done, 1.0)));
}

}  // namespace dsabench::train
