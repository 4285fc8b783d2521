/// A pass in pieces against whole passes of engines with each pattern, bit for bit.
#include "engine/pass_in_pieces.h"

#include <algorithm>
#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/engine_runs.h"

namespace dsabench::test {
namespace {

struct Prompts {
  std::vector<std::vector<std::int32_t>> tokens;
  std::int64_t total = 0;
  std::vector<SequenceTokens> in(Engine& engine) const {
    std::vector<SequenceTokens> batch;
    for (const auto& prompt : tokens) batch.push_back({engine.add_sequence(0), prompt});
    return batch;
  }
};

Prompts random_prompts(Random& random, const ModelConfig& config) {
  Prompts prompts;
  for (std::int64_t i = random.integer(1, 3); i > 0; --i) {
    const std::int64_t length =
        std::min(config.max_positions - 2, config.index_top_k + random.integer(-3, 30));
    prompts.tokens.push_back(random_tokens(random, config, std::max<std::int64_t>(1, length)));
    prompts.total += std::ssize(prompts.tokens.back());
  }
  return prompts;
}

/// The logits of one forward pass of an engine with this pattern.
Tensor whole_pass(const RandomModel& model, const LayerPattern& pattern,
                  const EngineOptions& options, const Prompts& prompts,
                  LogitRows which = LogitRows::all) {
  Engine engine = make_engine(model, pattern, options);
  Tensor logits =
      logits_tensor(engine, which == LogitRows::all ? prompts.total : std::ssize(prompts.tokens));
  engine.forward(prompts.in(engine), which, logits);
  return logits;
}

/// The logits of the last `count` rows of every prompt, one behind the other.
Tensor piece_logits(const Engine& engine, PassInPieces& pass, const Prompts& prompts,
                    std::int64_t count) {
  std::vector<std::int64_t> counts;
  std::int64_t total = 0;
  for (const auto& prompt : prompts.tokens) {
    counts.push_back(std::min<std::int64_t>(count, std::ssize(prompt)));
    total += counts.back();
  }
  Tensor logits = logits_tensor(engine, total);
  std::vector<TensorView> views;
  std::int64_t row = 0;
  for (const std::int64_t rows : counts) {
    views.push_back(logits.view().rows(row, rows));
    row += rows;
  }
  pass.logits(views);
  return logits;
}

EngineOptions random_options(Random& random) {
  EngineOptions options = one_shot();
  options.indexer_mode =
      random.choice<IndexerMode>({IndexerMode::exact, IndexerMode::fp8, IndexerMode::fp8_hadamard});
  return options;
}

LayerPattern flipped(const LayerPattern& pattern, std::int64_t layer) {
  std::string letters = pattern.letters();
  letters[std::size_t(layer)] = letters[std::size_t(layer)] == 'F' ? 'S' : 'F';
  return LayerPattern::from_letters(letters);
}

TEST_CASE("a pass in pieces is a whole pass, bit for bit, whatever was run in between") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 4; ++round) {
    const RandomModel model = random_model(random, random_family(random));
    const std::int64_t layers = model.config->num_layers;
    const EngineOptions options = random_options(random);
    const Prompts prompts = random_prompts(random, *model.config);
    Engine engine = make_engine(model, LayerPattern::all_full(layers), options);
    const LayerPattern base = random_pattern(random, layers);
    CAPTURE(round, base.letters(), prompts.total);
    PassInPieces pass = engine.begin_pass(prompts.in(engine));
    const Tensor expected = whole_pass(model, base, options, prompts);
    for (std::int64_t layer = 1; layer < layers; ++layer) {
      CAPTURE(layer);
      pass.run(base, layer);
      const PassInPieces::Place place = pass.place();
      const LayerPattern other = flipped(base, layer);
      pass.run(other, layers);
      CHECK(same_bits(piece_logits(engine, pass, prompts, 1 << 20).view(),
                      whole_pass(model, other, options, prompts).view()));
      pass.return_to(place);
      CHECK(pass.layer() == layer);
    }
    pass.run(base, layers);
    CHECK(same_bits(piece_logits(engine, pass, prompts, 1 << 20).view(), expected.view()));
    // The head's product of fewer rows may round otherwise: the same rows are the same bits.
    CHECK(same_bits(piece_logits(engine, pass, prompts, 1).view(),
                    whole_pass(model, base, options, prompts, LogitRows::last).view()));
    const std::int64_t few = random.integer(2, 4);
    const Tensor last = piece_logits(engine, pass, prompts, few);
    std::int64_t row = 0, end = 0;
    for (const auto& prompt : prompts.tokens) {
      const std::int64_t rows = std::min<std::int64_t>(few, std::ssize(prompt));
      end += std::ssize(prompt);
      const float* actual = last.view().row<float>(row);
      const float* whole = expected.view().row<float>(end - rows);
      double difference = 0.0, most = 0.0;
      for (std::int64_t i = 0; i < rows * model.config->vocab_size; ++i) {
        const double apart = std::abs(double(actual[i]) - double(whole[i]));
        if (!(apart <= difference)) difference = apart;
        most = std::max(most, std::abs(double(whole[i])));
      }
      CHECK_FALSE(!(difference <= 1e-5 * most));
      row += rows;
    }
  }
}

TEST_CASE("a pass in pieces leaves its sequences as they were, and counts its indexers") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const std::int64_t layers = model.config->num_layers;
  Engine engine = make_engine(model, LayerPattern::all_full(layers), one_shot());
  const auto prompt = random_tokens(random, *model.config, model.config->index_top_k + 5);
  const auto more = random_tokens(random, *model.config, 9);
  const std::int64_t sequence = engine.add_sequence(0), fresh = engine.add_sequence(0);
  prefill_all(engine, sequence, prompt);
  prefill_all(engine, fresh, prompt);
  const Tensor expected = prefill_all(engine, fresh, more);
  engine.reset_counters();
  const SequenceTokens entry{sequence, more};
  PassInPieces pass = engine.begin_pass({&entry, 1});
  const LayerPattern pattern = random_pattern(random, layers);
  pass.run(pattern, layers);
  CHECK(engine.length(sequence) == std::ssize(prompt));
  CHECK(engine.num_forwards() == 0);
  for (std::int64_t l = 0; l < layers; ++l) {
    CHECK(engine.indexer_runs()[std::size_t(l)] == (pattern.is_full(l) ? 1u : 0u));
  }
  // It read what the sequence held before: all Full it is the pass that would have been appended.
  PassInPieces again = engine.begin_pass({&entry, 1});
  again.run(LayerPattern::all_full(layers), layers);
  Tensor logits = logits_tensor(engine, std::ssize(more));
  const TensorView view = logits.view();
  again.logits({&view, 1});
  CHECK(same_bits(logits.view(), expected.view()));
  CHECK(same_bits(prefill_all(engine, sequence, more).view(), expected.view()));
}

TEST_CASE("the indices of another place are a Shared layer's") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const std::int64_t layers = model.config->num_layers;
  if (layers < 3) return;
  const EngineOptions options = one_shot();
  const Prompts prompts = random_prompts(random, *model.config);
  Engine engine = make_engine(model, LayerPattern::all_full(layers), options);
  PassInPieces pass = engine.begin_pass(prompts.in(engine));
  const LayerPattern full = LayerPattern::all_full(layers);
  pass.run(full, 1);
  const PassInPieces::Place after_first = pass.place();
  pass.run(full, layers - 1);
  // Full until the last, which takes the first one's: F S S ... S would have it take the same, but
  // with other values below it. So the last layer's indices are seen by an observer.
  pass.take_indices(after_first);
  struct Seen : ForwardObserver {
    void on_forward(std::span<const ForwardRows>, HostView) override {}
    void on_layer(const LayerTrace& trace) override {
      is_full = trace.is_full;
      indices = host_copy(trace.indices.all());
    }
    void on_final_norm(HostView) override {}
    bool is_full = true;
    Tensor indices;
  } seen, first;
  pass.run(flipped(full, layers - 1), layers, &seen);
  CHECK_FALSE(seen.is_full);
  PassInPieces other = engine.begin_pass(prompts.in(engine));
  other.run(full, 1, &first);
  CHECK(same_bits(seen.indices.view(), first.indices.view()));
}

TEST_CASE("a pass in pieces refuses what would be another computation") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const std::int64_t layers = model.config->num_layers;
  const LayerPattern full = LayerPattern::all_full(layers);
  const LayerPattern shared = random_pattern(random, layers);
  const auto prompt = random_tokens(random, *model.config, 5);
  Engine engine = make_engine(model, full, one_shot());
  const SequenceTokens entry{engine.add_sequence(0), prompt};
  const std::span<const SequenceTokens> batch{&entry, 1};
  Tensor logits = logits_tensor(engine, 5);
  const TensorView view = logits.view();

  PassInPieces pass = engine.begin_pass(batch);
  pass.run(full, 1);
  CHECK(contains(refusal([&] { pass.run(full, 0); }), "stands before layer 1"));
  CHECK_FALSE(refusal([&] { pass.run(full, layers + 1); }).empty());
  CHECK(contains(refusal([&] { pass.run(LayerPattern::all_full(layers + 1), 1); }), "letters"));
  CHECK(contains(refusal([&] { pass.logits({&view, 1}); }), "logits of a pass"));
  const PassInPieces::Place second = pass.place();
  pass.run(full, layers);
  CHECK_FALSE(refusal([&] { pass.logits({}); }).empty());
  Tensor six = logits_tensor(engine, 6);
  const TensorView six_view = six.view();
  CHECK_FALSE(refusal([&] { pass.logits({&six_view, 1}); }).empty());
  const PassInPieces::Place last = pass.place();
  pass.return_to(second);
  pass.run(shared, layers);
  if (layers > 1) {
    CHECK(contains(refusal([&] { pass.return_to(last); }), "has run again since"));
  }
  pass.return_to(second);

  CHECK(contains(refusal([&] { engine.begin_pass({}); }), "no sequences"));
  engine.truncate(entry.sequence, 0);
  CHECK(contains(refusal([&] { pass.run(full, layers); }), "another call"));
  CHECK_FALSE(refusal([&] { pass.place(); }).empty());

  Engine sharing = make_engine(model, shared, one_shot());
  const SequenceTokens shared_entry{sharing.add_sequence(0), prompt};
  PassInPieces shared_pass = sharing.begin_pass({&shared_entry, 1});
  CHECK(contains(refusal([&] { shared_pass.run(full, layers); }), "no indexer cache"));
  shared_pass.run(shared, layers);
}

}  // namespace
}  // namespace dsabench::test
