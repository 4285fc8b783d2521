#include "engine/model/shape_weights_router.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

// Since no block writes into the channels that a router reads, a token's logits are known before
// any forward pass: they are those of its embedding, divided by the residual's norm. So the
// expected load of each expert is a weighted count over tokens, and the bias follows from the rule
// that trained models use: raise it where the load is below the mean, lower it where it is above.

namespace dsabench {
namespace {

/// Norms under which the balance must hold alike, about the estimate: a frequent token must not
/// change experts because the estimate is a little off. What blocks add is not quite orthogonal to
/// the embedding, so the norm varies by a share of about 1 / sqrt(hidden_size).
constexpr double kNormOffsets[] = {-0.6, 0.0, 0.6};

/// Scores from which several threads are worth their start.
[[maybe_unused]] constexpr std::size_t kParallelWork = 1 << 15;

struct TextToken {
  std::int64_t id = 0;
  double share = 0.0;  ///< of all tokens of a text
};

/// Ranks fall into octaves [2^k - 1, 2^(k+1) - 1) of equal probability; of each octave at most
/// kSamples ranks stand for the rest.
std::vector<TextToken> text_like_tokens(std::int64_t vocab_size) {
  constexpr std::int64_t kSamples = 256;
  const TextTokenIds ids(vocab_size);
  std::vector<TextToken> tokens;
  double total = 0.0;
  for (std::int64_t length = 1; length - 1 < vocab_size; length *= 2) {
    const std::int64_t present = std::min(length, vocab_size - (length - 1));
    const std::int64_t samples = std::min(present, kSamples);
    const double share = double(present) / double(length) / double(samples);
    for (std::int64_t i = 0; i < samples; ++i) {
      tokens.push_back({ids.of_rank(length - 1 + i * present / samples), share});
      total += share;
    }
  }
  for (TextToken& token : tokens) token.share /= total;
  return tokens;
}

/// exp(-x) from arithmetic that IEEE fixes: a Taylor series on x / 2^6, squared six times.
double exp_minus(double x) {
  const double reduced = -x / 64.0;
  double sum = 1.0, term = 1.0;
  for (int i = 1; i <= 12; ++i) {
    term = term * reduced / i;
    sum = sum + term;
  }
  for (int i = 0; i < 6; ++i) sum = sum * sum;
  return sum;
}

/// Variance that the blocks before `layer` added to the residual stream: E[silu(g)^2] is 0.355 for
/// a normal g, for the shared expert and for the weighted routed ones, over 2 * layers.
double added_variance(const ModelConfig& config, std::int64_t layer) {
  const double routed = config.routed_scaling_factor * config.routed_scaling_factor /
                        double(config.experts_per_token);
  return 0.355 * (1.0 + routed) * double(layer) / (2.0 * double(config.num_layers));
}

double mean_square(const float* x, std::int64_t count) {
  double sum = 0.0;
  for (std::int64_t c = 0; c < count; ++c) sum = sum + double(x[c]) * double(x[c]);
  return sum / double(count);
}

/// [norm offsets, tokens, experts] sigmoid scores.
std::vector<double> expert_scores(const ModelConfig& config, const ShapeChannels& channels,
                                  std::int64_t layer, ConstTensorView router,
                                  ConstTensorView embedding, const std::vector<TextToken>& tokens) {
  const auto experts = std::size_t(router.dim(0));
  const double added = added_variance(config, layer);
  const double spread = 1.0 / std::sqrt(double(config.hidden_size));
  std::vector<double> scores(std::size(kNormOffsets) * tokens.size() * experts);
#pragma omp parallel for schedule(static) if (scores.size() > kParallelWork)
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const float* x = embedding.row<float>(tokens[t].id);
    const double rms = std::sqrt(mean_square(x, config.hidden_size) + added);
    for (std::size_t e = 0; e < experts; ++e) {
      const float* row = router.row<float>(std::int64_t(e));
      double logit = 0.0;
      for (std::int64_t c = channels.router_begin; c < channels.router_end; ++c) {
        logit = logit + double(row[c]) * double(x[c]);
      }
      for (std::size_t f = 0; f < std::size(kNormOffsets); ++f) {
        scores[(f * tokens.size() + t) * experts + e] =
            1.0 / (1.0 + exp_minus(logit / (rms * (1.0 + kNormOffsets[f] * spread))));
      }
    }
  }
  return scores;
}

/// The rule of ops::moe_router, over doubles.
class ExpertChoice {
 public:
  explicit ExpertChoice(const ModelConfig& config)
      : config_(config), biased_(std::size_t(config.num_experts)) {}

  /// Writes the chosen experts of one token, best first; equal ones by lower index.
  void choose(const double* scores, const std::vector<double>& bias,
              std::span<std::size_t> chosen) {
    for (std::size_t e = 0; e < biased_.size(); ++e) biased_[e] = scores[e] + bias[e];
    if (config_.expert_groups > 1) drop_groups();
    std::size_t filled = 0;
    for (std::size_t e = 0; e < biased_.size(); ++e) {
      if (filled == chosen.size() && biased_[e] <= biased_[chosen.back()]) continue;
      std::size_t at = filled < chosen.size() ? filled++ : filled - 1;
      for (; at > 0 && biased_[chosen[at - 1]] < biased_[e]; --at) chosen[at] = chosen[at - 1];
      chosen[at] = e;
    }
  }

 private:
  /// A group's score is the sum of its two best experts.
  void drop_groups() {
    const auto groups = std::size_t(config_.expert_groups), size = biased_.size() / groups;
    std::vector<std::pair<double, std::size_t>> order(groups);
    for (std::size_t g = 0; g < groups; ++g) {
      double first = kDropped, second = kDropped;
      for (std::size_t e = g * size; e < (g + 1) * size; ++e) {
        second = std::max(second, std::min(first, biased_[e]));
        first = std::max(first, biased_[e]);
      }
      order[g] = {-(first + second), g};
    }
    std::sort(order.begin(), order.end());
    for (std::size_t i = std::size_t(config_.topk_expert_groups); i < groups; ++i) {
      std::fill_n(biased_.begin() + std::ptrdiff_t(order[i].second * size), size, kDropped);
    }
  }

  static constexpr double kDropped = -1e9;
  const ModelConfig& config_;
  std::vector<double> biased_;
};

/// Each expert's share of the load over the mean share. scores [tokens, experts].
std::vector<double> relative_load(const ModelConfig& config, const std::vector<TextToken>& tokens,
                                  const double* scores, const std::vector<double>& bias) {
  const auto experts = std::size_t(config.num_experts);
  const auto per_token = std::size_t(config.experts_per_token);
  std::vector<std::size_t> chosen(tokens.size() * per_token);
#pragma omp parallel if (tokens.size() * experts > kParallelWork)
  {
    ExpertChoice choice(config);
#pragma omp for schedule(static)
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      choice.choose(scores + t * experts, bias,
                    std::span(chosen).subspan(t * per_token, per_token));
    }
  }
  const double mean = double(config.experts_per_token) / double(config.num_experts);
  std::vector<double> load(experts, 0.0);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    load[chosen[i]] += tokens[i / per_token].share / mean;
  }
  return load;
}

}  // namespace

TextTokenIds::TextTokenIds(std::int64_t vocab_size)
    : vocab_size_(vocab_size), multiplier_(vocab_size * 618 / 1000 + 1) {
  while (std::gcd(multiplier_, vocab_size_) != 1) ++multiplier_;
}

Tensor balanced_router_bias(const ModelConfig& config, const ShapeChannels& channels,
                            std::int64_t layer, ConstTensorView router, ConstTensorView embedding) {
  constexpr int kRounds = 60;
  constexpr double kGoodEnough = 1.1, kFirstStep = 0.06, kDecay = 0.95;
  const std::vector<TextToken> tokens = text_like_tokens(config.vocab_size);
  const std::vector<double> scores =
      expert_scores(config, channels, layer, router, embedding, tokens);
  const auto experts = std::size_t(config.num_experts);

  std::vector<double> bias(experts, 0.0), best = bias;
  double best_peak = std::numeric_limits<double>::infinity(), step = kFirstStep;
  for (int round = 0; round < kRounds && best_peak > kGoodEnough; ++round, step *= kDecay) {
    std::vector<double> correction(experts, 0.0);
    double peak = 0.0;
    for (std::size_t f = 0; f < std::size(kNormOffsets); ++f) {
      const std::vector<double> load =
          relative_load(config, tokens, scores.data() + f * tokens.size() * experts, bias);
      peak = std::max(peak, *std::max_element(load.begin(), load.end()));
      for (std::size_t e = 0; e < experts; ++e) {
        correction[e] += std::clamp(load[e] - 1.0, -1.0, 1.0) / double(std::size(kNormOffsets));
      }
    }
    if (peak < best_peak) {
      best_peak = peak;
      best = bias;
    }
    for (std::size_t e = 0; e < experts; ++e) bias[e] -= step * correction[e];
  }

  Tensor result(DType::f32, {config.num_experts});
  std::transform(best.begin(), best.end(), result.data<float>(),
                 [](double value) { return static_cast<float>(value); });
  return result;
}

}  // namespace dsabench
