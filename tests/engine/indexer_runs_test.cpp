/// Reuse is proved by counting: the operator's own counters against the pattern.
#include "tests/support/catch.h"
#include "tests/support/engine_runs.h"

namespace dsabench::test {
namespace {

std::string check(const Engine& engine, const LayerPattern& pattern) {
  return check_indexer_runs(pattern, engine.num_forwards(), engine.indexer_runs(),
                            engine.options().dense_attention);
}

TEST_CASE("indexers run once a pass on Full layers and never on Shared ones") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const auto pattern = random_pattern(random, model.config->num_layers);
  Engine engine = make_engine(model, pattern, chunked(6));
  const std::int64_t a = engine.add_sequence(0), b = engine.add_sequence(0);
  const auto prompt = random_tokens(random, *model.config, 20);

  prefill_all(engine, a, prompt);
  CHECK(engine.num_forwards() == 4);
  CHECK(check(engine, pattern).empty());

  prefill_all(engine, b, prompt);
  for (int step = 0; step < 5; ++step) {
    const std::vector<std::int64_t> sequences = {a, b};
    engine.decode(sequences, random_tokens(random, *model.config, 2), {});
  }
  CHECK(engine.num_forwards() == 13);
  CHECK(check(engine, pattern).empty());

  const auto chunk = random_tokens(random, *model.config, 7);
  const std::vector<SequenceTokens> mixed = {{a, chunk}, {b, std::span(chunk).first(1)}};
  engine.forward(mixed, LogitRows::last, {});
  CHECK(engine.num_forwards() == 14);
  CHECK(check(engine, pattern).empty());

  engine.reset_counters();
  CHECK(engine.num_forwards() == 0);
  CHECK(check(engine, pattern).empty());
  engine.forward(std::vector<SequenceTokens>{{a, chunk}}, LogitRows::last, {});
  CHECK(check(engine, pattern).empty());
}

TEST_CASE("dense attention runs no indexer") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const auto pattern = LayerPattern::all_full(model.config->num_layers);
  EngineOptions options;
  options.dense_attention = true;
  Engine engine = make_engine(model, pattern, options);
  prefill_all(engine, random_tokens(random, *model.config, 20));
  CHECK(check(engine, pattern).empty());
}

TEST_CASE("an engine that recomputes on a Shared layer, or reuses on a Full one, is caught") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const std::int64_t layers = model.config->num_layers;
  const auto pattern = random_pattern(random, layers);
  const auto all_full = LayerPattern::all_full(layers);
  const auto prompt = random_tokens(random, *model.config, 20);
  std::int64_t first_shared = 0;
  while (pattern.is_full(first_shared)) ++first_shared;

  Engine recomputing = make_engine(model, all_full, {});
  prefill_all(recomputing, prompt);
  const std::string recomputed = check(recomputing, pattern);
  CAPTURE(recomputed);
  CHECK(contains(recomputed, fmt::format("layer {} (Shared)", first_shared)));

  Engine reusing = make_engine(model, pattern, {});
  prefill_all(reusing, prompt);
  const std::string reused = check(reusing, all_full);
  CAPTURE(reused);
  CHECK(contains(reused, fmt::format("layer {} (Full)", first_shared)));
}

TEST_CASE("wrong counts name the first layer that differs") {
  const auto pattern = LayerPattern::from_letters("FSFS");
  const auto message = [&](std::vector<std::uint64_t> runs, bool dense = false) {
    return check_indexer_runs(pattern, 3, runs, dense);
  };
  CHECK(message({3, 0, 3, 0}).empty());
  CHECK(contains(message({3, 0, 2, 1}), "layer 2 (Full): its indexer ran 2 times in 3"));
  CHECK(contains(message({4, 0, 3, 0}), "layer 0 (Full): its indexer ran 4 times in 3"));
  CHECK(contains(message({3, 0, 3, 1}), "layer 3 (Shared): its indexer ran 1 times"));
  CHECK(contains(message({3, 0, 3}), "3 layers"));
  CHECK(message({0, 0, 0, 0}, true).empty());
  CHECK(contains(message({0, 0, 3, 0}, true), "layer 2 (dense attention)"));
}

}  // namespace
}  // namespace dsabench::test
