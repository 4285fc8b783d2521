#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/moe_router.h"
#include "kernels/simd/vector_math.h"

namespace dsabench::ops::detail {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

/// Index of the largest value not yet taken, the lowest among equals; it is then taken.
std::int64_t take_best(const std::vector<float>& values, std::vector<char>& taken) {
  std::size_t best = values.size();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (taken[i] == 0 && (best == values.size() || values[i] > values[best])) best = i;
  }
  taken[best] = 1;
  return static_cast<std::int64_t>(best);
}

/// NaN becomes -inf: it orders below every number without upsetting the comparisons.
float orderable(float value) { return std::isnan(value) ? kMinusInfinity : value; }

/// Chooses for one token at a time; holds the scratch of one thread.
class Router {
 public:
  Router(const MoeRouterArgs& args, const VectorMath& math)
      : args_(args),
        math_(math),
        group_size_(args.logits.dim(1) / args.num_groups),
        scores_(static_cast<std::size_t>(args.logits.dim(1))),
        choice_(scores_.size()),
        group_scores_(static_cast<std::size_t>(args.num_groups)) {}

  void route(std::int64_t token) {
    math_.sigmoid(scores_.data(), args_.logits.row<float>(token), args_.logits.dim(1));
    const float* bias = args_.bias.data<float>();
    for (std::size_t e = 0; e < scores_.size(); ++e) choice_[e] = orderable(scores_[e] + bias[e]);
    taken_.assign(scores_.size(), args_.num_groups > 1 ? 1 : 0);
    if (args_.num_groups > 1) open_best_groups();
    write_choice(token);
  }

 private:
  void open_best_groups() {
    for (std::size_t g = 0; g < group_scores_.size(); ++g) {
      float best = kMinusInfinity, second = kMinusInfinity;
      for (std::int64_t i = 0; i < group_size_; ++i) {
        const float value =
            choice_[g * static_cast<std::size_t>(group_size_) + static_cast<std::size_t>(i)];
        if (value > best) {
          second = best;
          best = value;
        } else if (value > second) {
          second = value;
        }
      }
      group_scores_[g] = orderable(best + second);
    }
    groups_taken_.assign(group_scores_.size(), 0);
    for (std::int64_t i = 0; i < args_.topk_groups; ++i) {
      const std::int64_t first = take_best(group_scores_, groups_taken_) * group_size_;
      std::fill_n(taken_.begin() + first, group_size_, char{0});
    }
  }

  void write_choice(std::int64_t token) {
    const std::int64_t top_n = args_.experts.dim(1);
    auto* experts = args_.experts.row<std::int32_t>(token);
    float* weights = args_.weights.row<float>(token);
    float sum = 0.0f;
    for (std::int64_t n = 0; n < top_n; ++n) {
      const std::int64_t expert = take_best(choice_, taken_);
      experts[n] = static_cast<std::int32_t>(expert);
      weights[n] = scores_[static_cast<std::size_t>(expert)];
      sum += weights[n];
    }
    for (std::int64_t n = 0; n < top_n; ++n) {
      if (args_.normalize) weights[n] /= sum + 1e-20f;
      weights[n] *= args_.routed_scale;
    }
  }

  const MoeRouterArgs& args_;
  const VectorMath& math_;
  std::int64_t group_size_;
  std::vector<float> scores_, choice_, group_scores_;
  std::vector<char> taken_, groups_taken_;
};

}  // namespace

void moe_router_cpu(const MoeRouterArgs& args) {
  const VectorMath& math = vector_math();
  const std::int64_t tokens = args.logits.dim(0);
#pragma omp parallel if (args.logits.num_elements() >= kMinParallelElements)
  {
    Router router(args, math);
#pragma omp for
    for (std::int64_t t = 0; t < tokens; ++t) router.route(t);
  }
}

}  // namespace dsabench::ops::detail
