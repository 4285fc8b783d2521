#include "engine/model/shape_weights_router.h"

#include <cmath>
#include <numeric>
#include <vector>

// Since no block writes into the channels that a router reads, a token's logits are known before
// any forward pass: they are those of its embedding, divided by the residual's norm. So the
// expected load of each expert is a weighted count over tokens, and the bias follows from the rule
// that trained models use: raise it where the load is below the mean, lower it where it is above.

namespace dsabench {
namespace {

/// What the norm of layer inputs divides by, near enough: it only scales the sigmoid's argument.
constexpr double kResidualRms = 1.1;

struct TextToken {
  std::int64_t id = 0;
  double share = 0.0;  ///< of all tokens of a text
};

/// Ranks fall into octaves [2^k - 1, 2^(k+1) - 1) of equal probability; of each octave at most
/// kSamples ranks stand for the rest. Ids follow ranks by a multiplier near the golden section.
std::vector<TextToken> text_like_tokens(std::int64_t vocab_size) {
  constexpr std::int64_t kSamples = 128;
  std::int64_t multiplier = vocab_size * 618 / 1000 + 1;
  while (std::gcd(multiplier, vocab_size) != 1) ++multiplier;

  std::vector<TextToken> tokens;
  double total = 0.0;
  for (std::int64_t length = 1; length - 1 < vocab_size; length *= 2) {
    const std::int64_t present = std::min(length, vocab_size - (length - 1));
    const std::int64_t samples = std::min(present, kSamples);
    const double share = double(present) / double(length) / double(samples);
    for (std::int64_t i = 0; i < samples; ++i) {
      const std::int64_t rank = length - 1 + i * present / samples;
      tokens.push_back({rank * multiplier % vocab_size, share});
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

/// [tokens, experts] sigmoid scores.
std::vector<double> expert_scores(const ShapeChannels& channels, ConstTensorView router,
                                  ConstTensorView embedding, const std::vector<TextToken>& tokens) {
  std::vector<double> scores;
  scores.reserve(tokens.size() * std::size_t(router.dim(0)));
  for (const TextToken& token : tokens) {
    const float* x = embedding.row<float>(token.id);
    for (std::int64_t e = 0; e < router.dim(0); ++e) {
      const float* row = router.row<float>(e);
      double logit = 0.0;
      for (std::int64_t c = channels.router_begin; c < channels.router_end; ++c) {
        logit = logit + double(row[c]) * double(x[c]);
      }
      scores.push_back(1.0 / (1.0 + exp_minus(logit / kResidualRms)));
    }
  }
  return scores;
}

/// Chooses experts as ops::moe_router does, over doubles.
class ExpertChoice {
 public:
  explicit ExpertChoice(const ModelConfig& config)
      : config_(config), biased_(std::size_t(config.num_experts)), order_(biased_.size()) {}

  /// The experts_per_token chosen experts, in any order.
  std::span<const std::size_t> choose(const double* scores, const std::vector<double>& bias) {
    for (std::size_t e = 0; e < biased_.size(); ++e) biased_[e] = scores[e] + bias[e];
    if (config_.expert_groups > 1) drop_groups();
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    const auto chosen = std::size_t(config_.experts_per_token);
    std::nth_element(order_.begin(), order_.begin() + std::ptrdiff_t(chosen) - 1, order_.end(),
                     [&](std::size_t a, std::size_t b) {
                       return biased_[a] != biased_[b] ? biased_[a] > biased_[b] : a < b;
                     });
    return std::span(order_).first(chosen);
  }

 private:
  void drop_groups() {
    const auto groups = std::size_t(config_.expert_groups), size = biased_.size() / groups;
    std::vector<std::pair<double, std::size_t>> best(groups);
    for (std::size_t g = 0; g < groups; ++g) {
      double first = -1e9, second = -1e9;
      for (std::size_t e = g * size; e < (g + 1) * size; ++e) {
        second = std::max(second, std::min(first, biased_[e]));
        first = std::max(first, biased_[e]);
      }
      best[g] = {-(first + second), g};
    }
    std::sort(best.begin(), best.end());
    for (std::size_t i = std::size_t(config_.topk_expert_groups); i < groups; ++i) {
      std::fill_n(biased_.begin() + std::ptrdiff_t(best[i].second * size), size, -1e9);
    }
  }

  const ModelConfig& config_;
  std::vector<double> biased_;
  std::vector<std::size_t> order_;
};

}  // namespace

Tensor balanced_router_bias(const ModelConfig& config, const ShapeChannels& channels,
                            ConstTensorView router, ConstTensorView embedding) {
  constexpr int kRounds = 80;
  constexpr double kGoodEnough = 1.15, kFirstStep = 0.06, kDecay = 0.96;
  const std::vector<TextToken> tokens = text_like_tokens(config.vocab_size);
  const std::vector<double> scores = expert_scores(channels, router, embedding, tokens);
  const auto experts = std::size_t(config.num_experts);
  const double mean = double(config.experts_per_token) / double(config.num_experts);

  ExpertChoice choice(config);
  std::vector<double> bias(experts, 0.0), best(experts, 0.0), load(experts);
  double best_peak = 1e9, step = kFirstStep;
  for (int round = 0; round < kRounds && best_peak > kGoodEnough; ++round, step *= kDecay) {
    std::fill(load.begin(), load.end(), 0.0);
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      for (const std::size_t e : choice.choose(scores.data() + t * experts, bias)) {
        load[e] += tokens[t].share / mean;
      }
    }
    const double peak = *std::max_element(load.begin(), load.end());
    if (peak < best_peak) {
      best_peak = peak;
      best = bias;
    }
    for (std::size_t e = 0; e < experts; ++e) {
      bias[e] -= step * std::clamp(load[e] - 1.0, -1.0, 1.0);
    }
  }

  Tensor result(DType::f32, {config.num_experts});
  std::transform(best.begin(), best.end(), result.data<float>(),
                 [](double value) { return static_cast<float>(value); });
  return result;
}

}  // namespace dsabench
