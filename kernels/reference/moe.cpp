#include "kernels/reference/moe.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace dsabench::reference {
namespace {

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

/// Indices by falling value, equal ones by lower index.
std::vector<std::int32_t> best_first(std::span<const double> values) {
  std::vector<std::int32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return values[static_cast<std::size_t>(a)] > values[static_cast<std::size_t>(b)];
  });
  return order;
}

double gap_after(std::span<const double> values, std::span<const std::int32_t> order,
                 std::int64_t count) {
  if (std::cmp_less_equal(order.size(), count)) return std::numeric_limits<double>::infinity();
  const auto at = static_cast<std::size_t>(count);
  return values[static_cast<std::size_t>(order[at - 1])] -
         values[static_cast<std::size_t>(order[at])];
}

}  // namespace

RouterChoice route_row(std::span<const float> logits, std::span<const float> bias,
                       const RouterParams& params) {
  std::vector<double> scores(logits.size()), choice(logits.size());
  for (std::size_t e = 0; e < logits.size(); ++e) {
    scores[e] = sigmoid(static_cast<double>(logits[e]));
    choice[e] = scores[e] + static_cast<double>(bias[e]);
  }
  RouterChoice result;
  result.margin = std::numeric_limits<double>::infinity();
  if (params.num_groups > 1) {
    const auto groups = static_cast<std::size_t>(params.num_groups);
    const std::size_t size = choice.size() / groups;
    std::vector<double> group_scores(groups);
    for (std::size_t g = 0; g < groups; ++g) {
      std::vector<double> members(choice.begin() + static_cast<std::ptrdiff_t>(g * size),
                                  choice.begin() + static_cast<std::ptrdiff_t>((g + 1) * size));
      std::sort(members.rbegin(), members.rend());
      group_scores[g] = members[0] + members[1];
    }
    const std::vector<std::int32_t> order = best_first(group_scores);
    result.margin = gap_after(group_scores, order, params.topk_groups);
    for (std::size_t i = static_cast<std::size_t>(params.topk_groups); i < groups; ++i) {
      for (std::size_t e = 0; e < size; ++e) {
        choice[static_cast<std::size_t>(order[i]) * size + e] =
            -std::numeric_limits<double>::infinity();
      }
    }
  }
  std::vector<std::int32_t> order = best_first(choice);
  for (std::int64_t n = 1; n <= params.top_n; ++n) {
    result.margin = std::min(result.margin, gap_after(choice, order, n));
  }
  order.resize(static_cast<std::size_t>(params.top_n));
  double sum = 0.0;
  for (const std::int32_t e : order) sum += scores[static_cast<std::size_t>(e)];
  for (const std::int32_t e : order) {
    const double weight = scores[static_cast<std::size_t>(e)];
    result.weights.push_back((params.normalize ? weight / (sum + 1e-20) : weight) *
                             params.routed_scale);
  }
  result.experts = std::move(order);
  return result;
}

std::vector<double> experts_row(std::span<const float> x, std::span<const std::int32_t> experts,
                                std::span<const float> weights, const ConstTensorView& gate_up,
                                const ConstTensorView& down) {
  const std::int64_t hidden = down.dim(1), intermediate = down.dim(2);
  std::vector<double> out(static_cast<std::size_t>(hidden), 0.0);
  std::vector<double> active(static_cast<std::size_t>(intermediate));
  for (std::size_t n = 0; n < experts.size(); ++n) {
    const float* in_weights = gate_up.row<float>(experts[n]);
    const float* out_weights = down.row<float>(experts[n]);
    for (std::int64_t i = 0; i < intermediate; ++i) {
      double gate = 0.0, up = 0.0;
      for (std::int64_t d = 0; d < hidden; ++d) {
        const auto value = static_cast<double>(x[static_cast<std::size_t>(d)]);
        gate += value * static_cast<double>(in_weights[i * gate_up.stride(1) + d]);
        up += value * static_cast<double>(in_weights[(intermediate + i) * gate_up.stride(1) + d]);
      }
      active[static_cast<std::size_t>(i)] = gate * sigmoid(gate) * up;
    }
    for (std::int64_t o = 0; o < hidden; ++o) {
      double sum = 0.0;
      for (std::int64_t i = 0; i < intermediate; ++i) {
        sum += active[static_cast<std::size_t>(i)] *
               static_cast<double>(out_weights[o * down.stride(1) + i]);
      }
      out[static_cast<std::size_t>(o)] += static_cast<double>(weights[n]) * sum;
    }
  }
  return out;
}

}  // namespace dsabench::reference
