#include "engine/search/attention_similarity.h"

#include <cmath>

#include "engine/search/rank_correlation.h"
#include "kernels/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/engine_runs.h"

namespace dsabench::test {
namespace {

/// Row by row the attention output of one layer under a pattern.
class LayerOutput : public ForwardObserver {
 public:
  explicit LayerOutput(std::int64_t layer) : layer_(layer) {}
  void on_forward(std::span<const ForwardRows>, HostView) override {}
  void on_layer(const LayerTrace& trace) override {
    if (trace.layer == layer_) output = host_copy(trace.attention_output.all());
  }
  void on_final_norm(HostView) override {}
  Tensor output;

 private:
  std::int64_t layer_;
};

Tensor output_of(const RandomModel& model, const std::string& letters, std::int64_t layer,
                 const std::vector<std::int32_t>& tokens) {
  Engine engine = make_engine(model, LayerPattern::from_letters(letters), one_shot());
  LayerOutput observer(layer);
  prefill_all(engine, engine.add_sequence(0), tokens, &observer);
  return std::move(observer.output);
}

double mean_cosine(const Tensor& a, const Tensor& b, std::int64_t first) {
  double sum = 0.0;
  for (std::int64_t row = first; row < a.dim(0); ++row) {
    double both = 0.0, of_a = 0.0, of_b = 0.0;
    for (std::int64_t i = 0; i < a.dim(1); ++i) {
      const double x = a.view().row<float>(row)[i], y = b.view().row<float>(row)[i];
      both += x * y;
      of_a += x * x;
      of_b += y * y;
    }
    sum += both / std::sqrt(of_a) / std::sqrt(of_b);
  }
  return sum / double(a.dim(0) - first);
}

// A neighbour's indices are what a pattern with one Shared layer takes: whole passes of such
// engines give the entries next to the diagonal.
TEST_CASE("attention similarity of neighbours is that of whole passes with one Shared layer") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const std::int64_t layers = model.config->num_layers, top_k = model.config->index_top_k;
  const std::int64_t length = std::min(model.config->max_positions, top_k + 20);
  REQUIRE(length > top_k);
  std::vector<CalibrationText> texts{{random_tokens(random, *model.config, length), 1},
                                     {random_tokens(random, *model.config, top_k), 1}};
  Engine engine = make_engine(model, LayerPattern::all_full(layers), one_shot());
  std::int64_t told = 0;
  const auto matrix =
      attention_similarity(engine, texts, [&](std::int64_t text) { CHECK(text == told++); });
  CHECK(told == 2);
  REQUIRE(std::ssize(matrix) == layers * layers);
  CHECK(engine.cache_bytes() == 0);
  const std::string full(std::size_t(layers), 'F');
  for (std::int64_t layer = 1; layer < layers; ++layer) {
    std::string letters = full;
    letters[std::size_t(layer)] = 'S';
    const Tensor own = output_of(model, full, layer, texts[0].tokens);
    const Tensor borrowed = output_of(model, letters, layer, texts[0].tokens);
    const double expected = mean_cosine(borrowed, own, top_k);
    CAPTURE(layer, expected);
    const double actual = matrix[std::size_t((layer - 1) * layers + layer)];
    CHECK_FALSE(!(std::abs(actual - expected) <= 1e-9));
    for (std::int64_t source = 0; source < layer; ++source) {
      const double value = matrix[std::size_t(source * layers + layer)];
      CHECK_FALSE(!(std::abs(value) <= 1.0 + 1e-9));
      if (source + 1 < layer) CHECK(value < 1.0);  // random indices differ
    }
  }
  for (std::int64_t a = 0; a < layers; ++a) {
    for (std::int64_t b = 0; b <= a; ++b) CHECK(matrix[std::size_t(a * layers + b)] == 1.0);
  }
  texts.erase(texts.begin());
  CHECK(contains(refusal([&] { attention_similarity(engine, texts, {}); }), "no text is longer"));
}

TEST_CASE("rank correlation is the correlation of ranks, shared among equals") {
  DSABENCH_SEEDED(random);
  std::vector<double> a(std::size_t(random.integer(2, 30))), up, down;
  for (double& value : a) value = random.normal();
  for (const double value : a) {
    up.push_back(std::exp(3.0 * value));
    down.push_back(-value * value * value);
  }
  CHECK(std::abs(*rank_correlation(a, up) - 1.0) <= 1e-12);
  CHECK(std::abs(*rank_correlation(a, down) + 1.0) <= 1e-12);
  // Ranks 0.5 0.5 2 3 and 0 1 2.5 2.5: both vary by 4.5, together by 4.
  const std::vector<double> x{1, 1, 5, 9}, y{2, 3, 7, 7};
  CHECK(std::abs(*rank_correlation(x, y) - 4.0 / 4.5) <= 1e-12);
  CHECK_FALSE(rank_correlation({}, {}));
  const std::vector<double> one{1.0}, equal{2, 2, 2, 2};
  CHECK_FALSE(rank_correlation(one, one));
  CHECK_FALSE(rank_correlation(x, equal));
  CHECK_THROWS_AS(rank_correlation(x, one), InvalidArgument);
  const std::vector<double> nan(4, std::nan(""));
  CHECK_THROWS_AS(rank_correlation(x, nan), InvalidArgument);
}

}  // namespace
}  // namespace dsabench::test
