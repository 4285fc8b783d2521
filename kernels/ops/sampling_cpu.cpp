#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "kernels/ops/counter_random.h"
#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/sampling.h"
#include "kernels/simd/vector_math.h"

namespace dsabench::ops::detail {
namespace {

std::int32_t largest(const VectorMath& math, std::span<const float> logits) {
  const float best = math.max(logits.data(), static_cast<std::int64_t>(logits.size()));
  const auto at = std::find(logits.begin(), logits.end(), best);
  return at == logits.end() ? 0 : static_cast<std::int32_t>(at - logits.begin());
}

/// One row's softmax numerators in double, relative to its largest logit.
struct Weights {
  std::span<const float> logits;
  double best, temperature;

  double operator()(std::int32_t token) const {
    const float logit = logits[static_cast<std::size_t>(token)];
    if (std::isnan(logit)) return 0.0;
    if (logit == best) return 1.0;  // infinities too
    return std::exp((logit - best) / temperature);
  }
  double sum(std::span<const std::int32_t> tokens) const {
    return std::accumulate(tokens.begin(), tokens.end(), 0.0,
                           [this](double total, std::int32_t t) { return total + (*this)(t); });
  }
};

/// The tokens that top-k and top-p leave; most likely first where one of them is set.
std::span<const std::int32_t> candidates(const Weights& weights, const SamplingParams& params,
                                         std::span<std::int32_t> tokens) {
  std::iota(tokens.begin(), tokens.end(), 0);
  const auto vocab = static_cast<std::int64_t>(tokens.size());
  const auto likelier = [&](std::int32_t a, std::int32_t b) {
    const float x = weights.logits[static_cast<std::size_t>(a)];
    const float y = weights.logits[static_cast<std::size_t>(b)];
    if (std::isnan(x) || std::isnan(y))
      return std::isnan(x) == std::isnan(y) ? a < b : std::isnan(y);
    return x != y ? x > y : a < b;
  };
  if (params.top_k > 0 && params.top_k < vocab) {
    std::nth_element(tokens.begin(), tokens.begin() + params.top_k - 1, tokens.end(), likelier);
    tokens = tokens.first(static_cast<std::size_t>(params.top_k));
  } else if (params.top_p >= 1.0f) {
    return tokens;
  }
  std::sort(tokens.begin(), tokens.end(), likelier);
  if (params.top_p >= 1.0f) return tokens;
  const double enough = params.top_p * weights.sum(tokens);
  double mass = 0.0;
  std::size_t kept = 0;
  while (kept < tokens.size() && (kept == 0 || mass < enough)) mass += weights(tokens[kept++]);
  return tokens.first(kept);
}

std::int32_t draw(const Weights& weights, std::span<const std::int32_t> tokens, double uniform) {
  const double target = uniform * weights.sum(tokens);
  double mass = 0.0;
  std::int32_t last = tokens.front();
  for (const std::int32_t token : tokens) {
    const double weight = weights(token);
    if (weight == 0.0) continue;
    mass += weight;
    last = token;
    if (mass > target) break;
  }
  return last;
}

}  // namespace

void argmax_cpu(const ArgmaxArgs& args) {
  const VectorMath& math = vector_math();
  const std::int64_t rows = args.logits.dim(0), vocab = args.logits.dim(1);
  auto* out = args.out.data<std::int32_t>();
#pragma omp parallel for schedule(static) if (rows * vocab > kMinParallelElements)
  for (std::int64_t r = 0; r < rows; ++r) {
    out[r] = largest(math, {args.logits.row<float>(r), static_cast<std::size_t>(vocab)});
  }
}

void sample_cpu(const Context& ctx, const SampleArgs& args) {
  const VectorMath& math = vector_math();
  const std::int64_t rows = args.logits.dim(0);
  const auto vocab = static_cast<std::size_t>(args.logits.dim(1));
  const auto* streams = args.stream.data<std::int64_t>();
  auto* out = args.out.data<std::int32_t>();
  const std::span scratch(
      reinterpret_cast<std::int32_t*>(ctx.workspace.take_floats(args.logits.dim(1))), vocab);
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::span logits(args.logits.row<float>(r), vocab);
    out[r] = largest(math, logits);
    if (vocab == 0) continue;
    const double best = logits[static_cast<std::size_t>(out[r])];
    if (std::isnan(best) || best == -std::numeric_limits<double>::infinity()) continue;
    const Weights weights{logits, best, static_cast<double>(args.params.temperature)};
    const auto tokens = candidates(weights, args.params, scratch);
    out[r] =
        draw(weights, tokens, uniform_at(args.params.seed, static_cast<std::uint64_t>(streams[r])));
  }
}

}  // namespace dsabench::ops::detail
