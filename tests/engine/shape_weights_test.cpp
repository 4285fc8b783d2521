#include "engine/model/shape_weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include "engine/engine.h"
#include "engine/model/model_preset.h"
#include "engine/model/shape_weights_random.h"
#include "engine/model/shape_weights_router.h"
#include "engine/search/overlap.h"
#include "suites/suite.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"
#include "tests/support/threads.h"

namespace dsabench {
namespace {

ModelConfig small_config(const std::string& name, std::vector<ConfigOverride> overrides) {
  return preset_config(preset(name), overrides);
}

/// What one prefill of the speed suite's text-like tokens shows.
struct Observed {
  OverlapSummary overlap;
  double peak_load = 0.0;  ///< of the busiest expert of any layer, over the mean
};

Observed observe(const ModelConfig& config, Picks picks, std::uint64_t seed, std::int64_t context) {
  SuiteRequest request;
  request.context_tokens = context;
  request.vocab_size = config.vocab_size;
  request.seed = seed;
  const Sample sample = find_suite("speed").samples(request).at(0);

  Engine engine(std::make_shared<ModelConfig>(config),
                std::make_shared<Weights>(generate_shape_weights(config, picks, seed)),
                LayerPattern::all_full(config.num_layers), {});
  const SequenceTokens prompt{engine.add_sequence(context), sample.prompt_tokens};
  OverlapObserver observer(16);
  engine.prefill(std::span(&prompt, 1), LogitRows::last, {}, &observer);

  Observed result;
  result.overlap = observer.summary();
  const HostView load = engine.expert_load();
  for (std::int64_t layer = 0; layer < load.dim(0); ++layer) {
    const auto* row = load.row<std::int64_t>(layer);
    const double total = double(std::accumulate(row, row + load.dim(1), std::int64_t{0}));
    if (total == 0) continue;
    const double peak = double(*std::max_element(row, row + load.dim(1)));
    result.peak_load = std::max(result.peak_load, peak * double(load.dim(1)) / total);
  }
  return result;
}

std::vector<ConfigOverride> tiny(std::vector<ConfigOverride> more = {}) {
  std::vector<ConfigOverride> all = {{"num_hidden_layers", "3"}, {"index_topk", "128"}};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.bytes() == b.bytes() &&
         std::memcmp(a.view().raw(), b.view().raw(), std::size_t(a.bytes())) == 0;
}

/// Standard deviation about 0 of rows [begin, end).
double deviation(ConstTensorView matrix, std::int64_t begin, std::int64_t end) {
  double sum = 0.0;
  for (std::int64_t r = begin; r < end; ++r) {
    for (std::int64_t c = 0; c < matrix.dim(1); ++c) {
      sum += double(matrix.row<float>(r)[c]) * double(matrix.row<float>(r)[c]);
    }
  }
  return std::sqrt(sum / double((end - begin) * matrix.dim(1)));
}

}  // namespace

TEST_CASE("the generator's values never change") {
  CHECK(shape_stream("") == 0xcbf29ce484222325u);
  CHECK(shape_stream("a") == 0xaf63dc4c8601ec8cu);  // FNV-1a's published vector
  const std::uint32_t expected[] = {0xbf2b7731u, 0xbf87f29eu, 0xbf044601u,
                                    0x3d7ebfb6u, 0xbf466902u, 0x3eda019au};
  for (std::uint64_t i = 0; i < std::size(expected); ++i) {
    const float value = shape_normal(7, shape_stream("lm_head.weight"), i << (4 * i));
    CAPTURE(i, value);
    CHECK(std::bit_cast<std::uint32_t>(value) == expected[i]);
  }
}

TEST_CASE("the generator's numbers are standard normal and streams are independent") {
  DSABENCH_SEEDED(random);
  const auto seed = std::uint64_t(random.integer(0, 1 << 30));
  constexpr std::int64_t kCount = 1 << 20;
  double sum = 0, squares = 0, fourth = 0, neighbours = 0, streams = 0, inside = 0;
  double last = 0;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const double x = shape_normal(seed, 1, i), y = shape_normal(seed, 2, i);
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
    neighbours += x * last;
    streams += x * y;
    inside += std::fabs(x) < 1.0 ? 1 : 0;
    last = x;
  }
  const double n = double(kCount), margin = 6.0 / std::sqrt(n);
  CHECK(std::fabs(sum / n) < margin);
  CHECK(std::fabs(squares / n - 1.0) < 1.5 * margin);
  CHECK(std::fabs(fourth / n - 2.85) < 10 * margin);  // Irwin-Hall of order 8: 3 - 6/5/8
  CHECK(std::fabs(neighbours / n) < margin);
  CHECK(std::fabs(streams / n) < margin);
  CHECK(std::fabs(inside / n - 0.6796) < 0.004);
}

TEST_CASE("generated weights do not depend on threads or on other layers") {
  DSABENCH_SEEDED(random);
  const auto seed = std::uint64_t(random.integer(0, 1 << 30));
  const auto generate = [&](int threads) {
    const test::ThreadCount scope(threads);
    return generate_shape_weights(small_config("demo", tiny()), Picks::planted, seed);
  };
  const Weights one = generate(1), five = generate(5);
  REQUIRE(one.layers.size() == 3);
  CHECK(same_bits(one.embedding, five.embedding));
  CHECK(same_bits(one.layers[2].moe->gate_up, five.layers[2].moe->gate_up));
  CHECK(same_bits(one.layers[2].moe->router_bias, five.layers[2].moe->router_bias));
  CHECK(same_bits(one.layers[1].attention.indexer->wk, five.layers[1].attention.indexer->wk));
  CHECK(one.content_id == five.content_id);

  const Weights deeper = generate_shape_weights(
      small_config("demo", {{"num_hidden_layers", "4"}, {"index_topk", "128"}}), Picks::planted,
      seed);
  CHECK(same_bits(one.layers[1].attention.q_b_proj, deeper.layers[1].attention.q_b_proj));
  CHECK(same_bits(one.layers[1].moe->router, deeper.layers[1].moe->router));
  CHECK_FALSE(same_bits(one.layers[1].attention.q_b_proj, one.layers[2].attention.q_b_proj));
  CHECK(one.content_id != deeper.content_id);

  const Weights other = generate_shape_weights(small_config("demo", tiny()), Picks::random, seed);
  CHECK(other.content_id != one.content_id);
  CHECK(same_bits(one.layers[1].attention.q_b_proj, other.layers[1].attention.q_b_proj));
  CHECK_FALSE(same_bits(one.embedding, other.embedding));
}

TEST_CASE("generated matrices have the variance of their fan-in") {
  DSABENCH_SEEDED(random);
  const ModelConfig config = small_config("demo", tiny());
  const Weights w =
      generate_shape_weights(config, Picks::random, std::uint64_t(random.integer(0, 1 << 30)));
  const auto check = [](ConstTensorView matrix, double variance) {
    CHECK(deviation(matrix, 0, matrix.dim(0)) / std::sqrt(variance) == Approx(1.0).margin(0.03));
  };
  const double hidden = double(config.hidden_size), layers = double(config.num_layers);
  check(w.embedding, 1.0);
  check(w.lm_head, 1.0 / hidden);
  const AttentionWeights& attention = w.layers[1].attention;
  check(attention.q_a_proj, 1.0 / hidden);
  check(attention.kv_b_proj, 1.0 / double(config.kv_lora_rank));
  check(attention.indexer->wq_b, 1.0 / double(config.q_lora_rank));
  check(attention.indexer->wk, 1.0 / hidden);
  check(w.layers[0].dense->gate_up, 1.0 / hidden);
  CHECK(attention.indexer->k_norm_weight.data<float>()[3] == 1.0f);

  // No block writes into the protected channels; elsewhere blocks write with the depth's scale.
  const ConstTensorView down = w.layers[0].dense->down;
  const double fan_in = double(config.dense_intermediate_size);
  CHECK(deviation(down, 0, 8 + 64) == 0.0);
  CHECK(deviation(down, 8 + 64, down.dim(0)) * std::sqrt(2 * layers * fan_in) ==
        Approx(1.0).margin(0.03));
}

TEST_CASE("routers are balanced for the tokens that are frequent in the speed suite") {
  DSABENCH_SEEDED(random);
  SuiteRequest request;
  request.context_tokens = 1 << 14;
  request.vocab_size = random.integer(200, 200000);
  request.seed = std::uint64_t(random.integer(0, 1 << 30));
  CAPTURE(request.vocab_size);
  std::vector<std::int64_t> counts(std::size_t(request.vocab_size), 0);
  const std::vector<Sample> samples = find_suite("speed").samples(request);
  for (const std::int32_t token : samples.at(0).prompt_tokens) {
    ++counts[std::size_t(token)];
  }
  const TextTokenIds ids(request.vocab_size);
  const auto count = [&](std::int64_t rank) { return counts[std::size_t(ids.of_rank(rank))]; };
  CHECK(count(0) == *std::max_element(counts.begin(), counts.end()));
  std::int64_t octave = 0;
  for (std::int64_t rank = 3; rank < 7; ++rank) octave += count(rank);
  CHECK(double(octave) / double(count(0)) == Approx(1.0).margin(0.25));
}

TEST_CASE("generated experts share the load of text-like tokens") {
  DSABENCH_SEEDED(random);
  const auto seed = std::uint64_t(random.integer(0, 1 << 30));
  // One model may stray past twice the mean load (2.06 was seen): the promise is about several.
  const auto mean_peak = [seed](const ModelConfig& config, Picks picks, std::int64_t context) {
    constexpr int kModels = 3;
    double sum = 0;
    for (int model = 0; model < kModels; ++model) {
      sum += observe(config, picks, seed + std::uint64_t(model), context).peak_load;
    }
    return sum / kModels;
  };
  SECTION("eight experts, byte vocabulary") {
    CHECK(mean_peak(small_config("demo", tiny()), Picks::planted, 2048) <= 1.6);
  }
  SECTION("64 experts, random picks") {
    const ModelConfig config = small_config("demo", tiny({{"hidden_size", "512"},
                                                          {"index_n_heads", "1"},
                                                          {"n_routed_experts", "64"},
                                                          {"num_experts_per_tok", "4"},
                                                          {"moe_intermediate_size", "16"},
                                                          {"vocab_size", "32768"}}));
    CHECK(mean_peak(config, Picks::random, 4096) <= 1.85);
  }
}

TEST_CASE("planted picks overlap as in published models, random picks by chance") {
  DSABENCH_SEEDED(random);
  constexpr std::int64_t context = 2048;
  const auto seed = std::uint64_t(random.integer(0, 1 << 30));
  const ModelConfig config =
      GENERATE(small_config("demo", tiny()),
               small_config("cpu-bench", tiny({{"hidden_size", "256"}, {"n_routed_experts", "4"}})),
               small_config("glm-4.7-flash-dsa", tiny({{"hidden_size", "256"},
                                                       {"q_lora_rank", "128"},
                                                       {"kv_lora_rank", "64"},
                                                       {"num_attention_heads", "2"},
                                                       {"vocab_size", "8192"},
                                                       {"index_n_heads", "16"},
                                                       {"intermediate_size", "256"},
                                                       {"moe_intermediate_size", "16"}})));
  CAPTURE(config.name);
  // A promise about generated models: one of them, this small, strays by 0.04 about the mean.
  constexpr int kModels = 4;
  double queries = 0, layers = 0;
  for (int model = 0; model < kModels; ++model) {
    const OverlapSummary planted =
        observe(config, Picks::planted, seed + std::uint64_t(model), context).overlap;
    REQUIRE(planted.neighbour_queries.has_value());
    REQUIRE(planted.neighbour_full_layers.has_value());
    CAPTURE(*planted.neighbour_queries, *planted.neighbour_full_layers);
    CHECK(*planted.neighbour_queries >= 0.6);
    queries += *planted.neighbour_queries / kModels;
    layers += *planted.neighbour_full_layers / kModels;
  }
  CHECK(queries >= 0.78);
  CHECK(queries <= 0.92);
  CHECK(layers >= 0.7);

  const OverlapSummary chance = observe(config, Picks::random, seed, context).overlap;
  CAPTURE(*chance.neighbour_queries, *chance.neighbour_full_layers, *chance.chance);
  CHECK(*chance.neighbour_queries <= *chance.chance + 0.1);
  CHECK(*chance.neighbour_full_layers <= *chance.chance + 0.06);
}

TEST_CASE("generated weights refuse what cannot carry them") {
  CHECK_THROWS_AS(
      generate_shape_weights(small_config("demo", {{"hidden_size", "16"}}), Picks::random, 1),
      InvalidArgument);
  const ModelConfig narrow =
      small_config("demo", {{"num_hidden_layers", "1"}, {"index_head_dim", "16"}});
  CHECK_THROWS_AS(generate_shape_weights(narrow, Picks::planted, 1), InvalidArgument);
  CHECK(generate_shape_weights(narrow, Picks::random, 1).layers.size() == 1);
  CHECK(parse_picks("planted") == Picks::planted);
  CHECK(parse_picks(picks_name(Picks::random)) == Picks::random);
  CHECK_THROWS_AS(parse_picks("Random"), InvalidArgument);
}

}  // namespace dsabench
