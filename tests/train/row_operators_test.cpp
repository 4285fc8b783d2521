#include "train/row_operators.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/support/catch.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"
#include "tests/train/tensor_views.h"
#include "train/indexer.h"

namespace dsabench::test {
namespace {

/// Where these operators have code of their own.
std::vector<at::Device> devices() {
  std::vector<at::Device> all = {at::kCPU};
  if (at::hasCUDA()) all.emplace_back(at::kCUDA, 0);
  return all;
}

struct Sizes {
  std::int64_t batch = 0, heads = 0, keys = 0;
};
Sizes random_sizes(Random& random) {
  // Every number of keys that a lane of a kernel can have, and what kernels leave to others.
  static const std::vector<std::int64_t> keys = {2, 63, 64, 66, 96, 160, 288, 512, 640, 1024, 1026};
  return {random.integer(1, 3), random.integer(1, 5), random.choice(keys)};
}

at::Tensor normal(std::vector<std::int64_t> shape, const at::Device& device, at::ScalarType type) {
  return at::randn(shape, at::kFloat).to(device, type);
}

double tolerance(at::ScalarType type) { return type == at::kFloat ? 1e-5 : 1e-2; }

/// Of row r those elements that its query sees.
template <class Action>
void for_each_seen(const Sizes& s, Action action) {
  for (std::int64_t r = 0; r < s.batch * s.keys; ++r) {
    for (std::int64_t j = 0; j <= r % s.keys; ++j) action(r, j, std::size_t(r * s.keys + j));
  }
}

TEST_CASE("weighted relu and its gradient are what their formulas say") {
  DSABENCH_SEEDED(random);
  at::manual_seed(std::uint64_t(random.integer(0, 1'000'000)));
  for (const at::Device& device : devices()) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const Sizes s = random_sizes(random);
      CAPTURE(device.str(), at::toString(type), s.batch, s.heads, s.keys);
      const std::int64_t rows = s.batch * s.keys;
      at::Tensor products = normal({rows, s.heads, s.keys}, device, type).requires_grad_();
      at::Tensor weights = normal({rows, s.heads}, device, type).requires_grad_();
      const at::Tensor scores = train::weighted_relu(products, weights);
      const at::Tensor seen = train::causal_mask(s.keys, device).repeat({s.batch, 1});
      const at::Tensor upstream = normal({rows, s.keys}, device, scores.scalar_type()) * seen;
      (scores * upstream).sum().backward();

      const auto p = doubles(products), w = doubles(weights), g = doubles(upstream);
      std::vector<double> of_scores(std::size_t(rows * s.keys), 0.0);
      std::vector<double> of_products(p.size(), 0.0), of_weights(w.size(), 0.0);
      for_each_seen(s, [&](std::int64_t r, std::int64_t j, std::size_t at) {
        for (std::int64_t h = 0; h < s.heads; ++h) {
          const auto head = std::size_t(r * s.heads + h);
          const std::size_t product = head * std::size_t(s.keys) + std::size_t(j);
          of_scores[at] += w[head] * std::max(p[product], 0.0);
          of_weights[head] += g[at] * std::max(p[product], 0.0);
          if (p[product] > 0) of_products[product] = g[at] * w[head];
        }
      });
      const auto near = [&](const at::Tensor& found, const std::vector<double>& expected) {
        const Comparison result = compare(doubles(found), expected);
        INFO(result.describe());
        CHECK(result.max_normalized <= tolerance(type));
      };
      near(scores * seen, of_scores);
      near(products.grad(), of_products);
      near(weights.grad(), of_weights);
    }
  }
}

TEST_CASE("the highest scores are selected, equal ones by lower index") {
  DSABENCH_SEEDED(random);
  at::manual_seed(std::uint64_t(random.integer(0, 1'000'000)));
  for (const at::Device& device : devices()) {
    for (const bool many_equal : {false, true}) {
      const Sizes s = random_sizes(random);
      const std::int64_t top_k = random.integer(1, 1 + s.keys);
      CAPTURE(device.str(), s.batch, s.keys, top_k, many_equal);
      at::Tensor scores = normal({s.batch, s.keys, s.keys}, device, at::kFloat);
      if (many_equal) scores = (scores * 2).round() / 2;  // zeros of both signs among them
      const at::Tensor causal = train::causal_mask(s.keys, device).unsqueeze(0);
      const auto mask = doubles(train::selected_keys(scores, causal, top_k));
      const auto all = doubles(scores);
      std::int64_t wrong = 0;
      for (std::int64_t r = 0; r < s.batch * s.keys; ++r) {
        const double* row = all.data() + r * s.keys;
        std::vector<std::int64_t> order(std::size_t(r % s.keys + 1));
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(),
                         [&](std::int64_t a, std::int64_t b) { return row[a] > row[b]; });
        std::vector<double> expected(std::size_t(s.keys), 0.0);
        for (std::size_t i = 0; i < order.size() && std::int64_t(i) < top_k; ++i) {
          expected[std::size_t(order[i])] = 1.0;
        }
        wrong += !std::equal(expected.begin(), expected.end(), mask.begin() + r * s.keys);
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("mean softmax and divergence are what their formulas say") {
  DSABENCH_SEEDED(random);
  at::manual_seed(std::uint64_t(random.integer(0, 1'000'000)));
  for (const at::Device& device : devices()) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const Sizes s = random_sizes(random);
      const bool one_mask = random.integer(0, 1) == 1;
      const double scale = random.uniform(0.05, 2.0);
      CAPTURE(device.str(), at::toString(type), s.batch, s.heads, s.keys, one_mask, scale);
      const at::Tensor causal = train::causal_mask(s.keys, device).unsqueeze(0);
      const at::Tensor products = normal({s.batch, s.heads, s.keys, s.keys}, device, type);
      at::Tensor scores =
          (normal({s.batch, s.keys, s.keys}, device, at::kFloat) * 3).requires_grad_();
      const at::Tensor mask = one_mask
                                  ? causal.expand_as(scores)
                                  : train::selected_keys(scores, causal, random.integer(1, s.keys));
      const at::Tensor p = train::mean_softmax(products, scale, mask);
      const at::Tensor loss = train::divergence(p, scores, mask);
      loss.backward();

      const auto allowed = doubles(mask), raw = doubles(products), index = doubles(scores);
      std::vector<double> mean(index.size(), 0.0), gradient(index.size(), 0.0);
      double sum_of_losses = 0;
      for (std::int64_t r = 0; r < s.batch * s.keys; ++r) {
        const std::size_t row = std::size_t(r * s.keys);
        // exp(values - their log of the sum of exponentials) over the allowed keys.
        const auto log_softmax = [&](auto value) {
          std::vector<double> logs(std::size_t(s.keys), -INFINITY);
          double sum = 0;
          for (std::size_t j = 0; j < logs.size(); ++j) {
            if (allowed[row + j] != 0) sum += std::exp(logs[j] = value(j));
          }
          for (double& log : logs) log -= std::log(sum);
          return logs;
        };
        for (std::int64_t h = 0; h < s.heads; ++h) {
          const std::size_t from =
              std::size_t(((r / s.keys * s.heads + h) * s.keys + r % s.keys) * s.keys);
          const auto logs = log_softmax([&](std::size_t j) { return raw[from + j] * scale; });
          for (std::size_t j = 0; j < logs.size(); ++j) {
            mean[row + j] += std::exp(logs[j]) / double(s.heads);
          }
        }
        const auto log_q = log_softmax([&](std::size_t j) { return index[row + j]; });
        for (std::size_t j = 0; j < log_q.size(); ++j) {
          if (allowed[row + j] == 0) continue;
          sum_of_losses += mean[row + j] * (std::log(mean[row + j]) - log_q[j]);
          gradient[row + j] = std::exp(log_q[j]) - mean[row + j];
        }
      }
      const Comparison of_p = compare(doubles(p), mean);
      INFO("p: " << of_p.describe());
      CHECK(of_p.max_normalized <= tolerance(type));
      CHECK(std::fabs(loss.item<double>() - sum_of_losses) <=
            tolerance(type) * sum_of_losses + 1e-4);
      const Comparison of_scores = compare(doubles(scores.grad()), gradient);
      INFO("gradient: " << of_scores.describe());
      CHECK(of_scores.max_normalized <= tolerance(type));
    }
  }
}

}  // namespace
}  // namespace dsabench::test
