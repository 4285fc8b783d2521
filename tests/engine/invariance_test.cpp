/// What must not change a result: chunking, batching, splitting into prefill and decode, the
/// pattern's spelling, snapshots, poison, threads, repetition.
#include <numeric>

#include "tests/support/catch.h"
#include "tests/support/clean_case.h"
#include "tests/support/compare.h"
#include "tests/support/engine_runs.h"

extern "C" void omp_set_num_threads(int);
extern "C" int omp_get_max_threads(void);

namespace dsabench::test {
namespace {

constexpr double kInvarianceTolerance = 2e-5;  // normalised, f32

/// What one run made of one prompt.
struct Outcome {
  Tensor logits;  ///< [tokens, vocab]
  ForwardRecorder::Sequence recorded;
};

Outcome one_shot_outcome(const CleanCase& found, std::size_t prompt, const LayerPattern& pattern,
                         EngineOptions options = one_shot()) {
  Engine engine = make_engine(found.model, pattern, options);
  ForwardRecorder recorder;
  const std::int64_t sequence = engine.add_sequence(0);
  Tensor logits = prefill_all(engine, sequence, found.prompts[prompt], &recorder);
  return {std::move(logits), recorder.at(sequence)};
}

void check_same(const Outcome& expected, const ForwardRecorder::Sequence& recorded,
                ConstTensorView logits) {
  CHECK(recorded.index_sets == expected.recorded.index_sets);
  CHECK(recorded.experts == expected.recorded.experts);
  check_close(logits, expected.logits.view(), kInvarianceTolerance);
}

std::span<const std::int32_t> part(const std::vector<std::int32_t>& tokens, std::size_t begin,
                                   std::size_t end) {
  return std::span(tokens).subspan(begin, end - begin);
}

TEST_CASE("prefill in chunks of any size equals one forward pass") {
  DSABENCH_SEEDED(random);
  const CleanCase found = clean_case(random, 2);
  for (std::size_t p = 0; p < found.prompts.size(); ++p) {
    const Outcome whole = one_shot_outcome(found, p, found.pattern);
    const std::int64_t length = std::ssize(found.prompts[p]);
    for (const std::int64_t chunk : {std::int64_t{1}, std::int64_t{2}, random.integer(3, 9),
                                     random.integer(10, 30), length - 1, length}) {
      if (chunk < 1) continue;
      CAPTURE(p, chunk, length);
      Engine engine = make_engine(found.model, found.pattern, chunked(chunk));
      ForwardRecorder recorder;
      const std::int64_t sequence = engine.add_sequence(random.integer(0, length));
      const Tensor logits = prefill_all(engine, sequence, found.prompts[p], &recorder);
      check_same(whole, recorder.at(sequence), logits.view());
      CHECK(engine.num_forwards() == (length + chunk - 1) / chunk);
      CHECK(engine.length(sequence) == length);
    }
  }
}

TEST_CASE("prefill and then decode equals prefill of the whole") {
  DSABENCH_SEEDED(random);
  const CleanCase found = clean_case(random, 2);
  for (std::size_t p = 0; p < found.prompts.size(); ++p) {
    const Outcome whole = one_shot_outcome(found, p, found.pattern);
    const auto& prompt = found.prompts[p];
    const auto split = static_cast<std::size_t>(random.integer(1, std::ssize(prompt)));
    CAPTURE(p, split, prompt.size());
    Engine engine = make_engine(found.model, found.pattern, chunked(7));
    const std::int64_t sequence = engine.add_sequence(0);
    ForwardRecorder recorder;
    Tensor logits = logits_tensor(engine, std::ssize(prompt));
    const SequenceTokens entry{sequence, part(prompt, 0, split)};
    engine.prefill({&entry, 1}, LogitRows::all,
                   logits.view().rows(0, static_cast<std::int64_t>(split)), &recorder);
    for (std::size_t t = split; t < prompt.size(); ++t) {
      engine.decode({&sequence, 1}, part(prompt, t, t + 1),
                    logits.view().rows(static_cast<std::int64_t>(t), 1), &recorder);
    }
    check_same(whole, recorder.at(sequence), logits.view());
  }
}

TEST_CASE("a batch of prompts of different lengths equals each alone, in prefill and decode") {
  DSABENCH_SEEDED(random);
  const CleanCase found = clean_case(random, 4);
  Engine engine = make_engine(found.model, found.pattern, chunked(random.integer(3, 12)));
  ForwardRecorder recorder;
  std::vector<SequenceTokens> batch;
  std::vector<std::int64_t> sequences;
  std::vector<std::size_t> prefilled;
  std::int64_t total = 0;
  for (const auto& prompt : found.prompts) {
    // The last tokens are decoded; a prompt of one token is prefilled whole.
    const std::size_t decoded = std::min<std::size_t>(prompt.size() - 1, 3);
    prefilled.push_back(prompt.size() - decoded);
    sequences.push_back(engine.add_sequence(0));
    batch.push_back({sequences.back(), part(prompt, 0, prefilled.back())});
    total += static_cast<std::int64_t>(prefilled.back());
  }
  Tensor packed = logits_tensor(engine, total);
  engine.prefill(batch, LogitRows::all, packed, &recorder);

  std::vector<Tensor> logits;
  std::int64_t row = 0;
  for (std::size_t p = 0; p < found.prompts.size(); ++p) {
    logits.push_back(logits_tensor(engine, std::ssize(found.prompts[p])));
    const auto count = static_cast<std::int64_t>(prefilled[p]);
    const ConstTensorView from = packed.view().rows(row, count);
    std::copy_n(from.data<float>(), from.num_elements(), logits[p].data<float>());
    row += count;
  }
  for (std::size_t step = 0; step < 3; ++step) {
    std::vector<std::int64_t> stepped;
    std::vector<std::int32_t> tokens;
    std::vector<std::size_t> prompts;
    for (std::size_t p = 0; p < found.prompts.size(); ++p) {
      if (prefilled[p] + step >= found.prompts[p].size()) continue;
      prompts.push_back(p);
      stepped.push_back(sequences[p]);
      tokens.push_back(found.prompts[p][prefilled[p] + step]);
    }
    Tensor step_logits = logits_tensor(engine, std::ssize(stepped));
    engine.decode(stepped, tokens, step_logits, &recorder);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const auto at = static_cast<std::int64_t>(prefilled[prompts[i]] + step);
      std::copy_n(step_logits.view().row<float>(static_cast<std::int64_t>(i)),
                  engine.config().vocab_size, logits[prompts[i]].view().row<float>(at));
    }
  }
  for (std::size_t p = 0; p < found.prompts.size(); ++p) {
    CAPTURE(p, found.prompts[p].size(), prefilled[p]);
    const Outcome alone = one_shot_outcome(found, p, found.pattern);
    check_same(alone, recorder.at(sequences[p]), logits[p].view());
  }
}

TEST_CASE("the last rows' logits are those of all rows, whichever pass ends a prompt") {
  DSABENCH_SEEDED(random);
  const CleanCase found = clean_case(random, 4);
  Engine engine = make_engine(found.model, found.pattern, chunked(5));
  std::vector<SequenceTokens> batch;
  for (const auto& prompt : found.prompts) batch.push_back({engine.add_sequence(0), prompt});
  Tensor last = logits_tensor(engine, std::ssize(batch));
  engine.prefill(batch, LogitRows::last, last);
  for (std::size_t p = 0; p < found.prompts.size(); ++p) {
    CAPTURE(p);
    const Outcome alone = one_shot_outcome(found, p, found.pattern);
    check_close(last.view().rows(static_cast<std::int64_t>(p), 1),
                ConstTensorView(alone.logits.view().rows(std::ssize(found.prompts[p]) - 1, 1)),
                kInvarianceTolerance);
  }
}

TEST_CASE("an all-F pattern is plain DSA, bit for bit") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const auto prompt = random_tokens(random, *model.config, model.config->index_top_k + 20);
  // The config has no pattern keys: what its own keys give is the plain model.
  Engine plain =
      make_engine(model, LayerPattern::from_config(*model.config, Dialect::automatic), one_shot());
  const std::string letters(static_cast<std::size_t>(model.config->num_layers), 'F');
  Engine all_full = make_engine(model, LayerPattern::from_letters(letters), one_shot());
  CHECK(same_bits(prefill_all(plain, prompt).view(), prefill_all(all_full, prompt).view()));
}

TEST_CASE("with top-k at or above the context, every pattern equals dense attention") {
  DSABENCH_SEEDED(random);
  ModelConfig config = random_config(random, random_family(random));
  config.index_top_k = 24;
  Weights weights = random_weights(random, config);
  const RandomModel model{std::make_shared<const ModelConfig>(std::move(config)),
                          std::make_shared<const Weights>(std::move(weights))};
  const auto prompt = random_tokens(random, *model.config, random.integer(20, 24));
  EngineOptions dense_options = chunked(6);
  dense_options.dense_attention = true;
  const auto all_full = LayerPattern::all_full(model.config->num_layers);
  Engine dense = make_engine(model, all_full, dense_options);
  Engine sparse = make_engine(model, random_pattern(random, model.config->num_layers), chunked(6));
  const Tensor expected = prefill_all(dense, prompt);
  check_close(prefill_all(sparse, prompt).view(), expected.view(), kInvarianceTolerance);
}

TEST_CASE("a repeated run is the same bit for bit, in a used engine too") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const auto prompt = random_tokens(random, *model.config, model.config->index_top_k + 20);
  const auto other = random_tokens(random, *model.config, 50);
  for (const auto mode : {IndexerMode::exact, IndexerMode::fp8, IndexerMode::fp8_hadamard}) {
    CAPTURE(indexer_mode_name(mode));
    EngineOptions options = chunked(random.integer(5, 50));
    options.indexer_mode = mode;
    Engine engine = make_engine(model, random_pattern(random, model.config->num_layers), options);
    const Tensor first = prefill_all(engine, prompt);
    prefill_all(engine, other);  // leaves other contents in every scratch buffer
    CHECK(same_bits(first.view(), prefill_all(engine, prompt).view()));
  }
}

TEST_CASE("decode after restore is the same bit for bit, in the same and another sequence") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const auto prompt = random_tokens(random, *model.config, model.config->index_top_k + 5);
  const auto continuation = random_tokens(random, *model.config, 6);
  for (const auto mode : {IndexerMode::exact, IndexerMode::fp8}) {
    CAPTURE(indexer_mode_name(mode));
    EngineOptions options = one_shot();
    options.indexer_mode = mode;
    Engine engine = make_engine(model, random_pattern(random, model.config->num_layers), options);
    const std::int64_t sequence = engine.add_sequence(0);
    prefill_all(engine, sequence, prompt);
    const Snapshot snapshot = engine.snapshot(sequence);
    CHECK(snapshot.length() == std::ssize(prompt));
    std::vector<Tensor> expected;
    for (const auto token : continuation) expected.push_back(decode_one(engine, sequence, token));
    const std::int64_t other = engine.add_sequence(0);
    prefill_all(engine, other, continuation);  // shorter than the snapshot
    for (const std::int64_t target : {sequence, other}) {
      CAPTURE(target);
      engine.restore(target, snapshot);
      REQUIRE(engine.length(target) == std::ssize(prompt));
      for (std::size_t i = 0; i < continuation.size(); ++i) {
        CHECK(same_bits(decode_one(engine, target, continuation[i]).view(), expected[i].view()));
      }
    }
  }
}

TEST_CASE("the order in which blocks are handed out changes no bit") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  // Longer than some of the operators' tiles, which blocks in a row make one piece of memory.
  const auto length = std::min<std::int64_t>(model.config->max_positions, 700);
  const auto prompt = random_tokens(random, *model.config, length - 1);
  const auto next = random_tokens(random, *model.config, 1)[0];
  const LayerPattern pattern = random_pattern(random, model.config->num_layers);
  for (const bool dense : {false, true}) {
    EngineOptions options = chunked(random.integer(50, 300));
    options.dense_attention = dense;
    CAPTURE(dense, options.chunk_tokens, length);
    const auto logits = [&](std::optional<std::uint64_t> seed) {
      options.block_order_seed = seed;
      const WeightPlacement placement = engine_placement();
      Engine engine(
          model.config,
          placement.queue == nullptr ? model.weights : placed_copy(*model.weights, placement),
          pattern, options);
      const std::int64_t other = engine.add_sequence(70);
      const std::int64_t sequence = engine.add_sequence(length);
      engine.remove_sequence(other);
      std::vector<Tensor> made;
      made.push_back(prefill_all(engine, sequence, prompt));
      made.push_back(decode_one(engine, sequence, next));
      return made;
    };
    const auto ascending = logits(std::nullopt), shuffled = logits(test_seed());
    CHECK(same_bits(ascending[0].view(), shuffled[0].view()));
    CHECK(same_bits(ascending[1].view(), shuffled[1].view()));
  }
}

TEST_CASE("a copied sequence goes on as the one that it was copied from") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  Engine engine = make_engine(model, random_pattern(random, model.config->num_layers), chunked(9));
  const auto prompt = random_tokens(random, *model.config, model.config->index_top_k + 5);
  const auto next = random_tokens(random, *model.config, 4);
  engine.reserve(3, std::ssize(prompt) + 4);
  const std::int64_t first = engine.add_sequence(std::ssize(prompt) + 4);
  prefill_all(engine, first, prompt);
  std::vector<std::int64_t> copies;
  for (int i = 0; i < 2; ++i) {
    copies.push_back(engine.add_sequence(std::ssize(prompt) + 4));
    engine.copy_sequence(first, copies.back());
  }
  for (const std::int32_t token : next) {
    const Tensor expected = decode_one(engine, first, token);
    for (const std::int64_t copy : copies) {
      CHECK(same_bits(decode_one(engine, copy, token).view(), expected.view()));
    }
  }
}

TEST_CASE("a truncated sequence goes on as if the rest had never been there") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  Engine engine = make_engine(model, random_pattern(random, model.config->num_layers), chunked(9));
  const auto prompt = random_tokens(random, *model.config, model.config->index_top_k + 30);
  const auto next = random_tokens(random, *model.config, 1)[0];
  const std::int64_t kept = random.integer(1, std::ssize(prompt) - 1);
  CAPTURE(prompt.size(), kept);
  const std::int64_t sequence = engine.add_sequence(0), fresh = engine.add_sequence(0);
  prefill_all(engine, fresh, {prompt.begin(), prompt.begin() + kept});
  prefill_all(engine, sequence, {prompt.begin(), prompt.begin() + kept});
  prefill_all(engine, sequence, {prompt.begin() + kept, prompt.end()});
  engine.truncate(sequence, kept);
  CHECK(engine.length(sequence) == kept);
  CHECK(
      same_bits(decode_one(engine, sequence, next).view(), decode_one(engine, fresh, next).view()));
  CHECK_FALSE(refusal([&] { engine.truncate(sequence, kept + 2); }).empty());
  CHECK_FALSE(refusal([&] { engine.truncate(sequence, -1); }).empty());
}

TEST_CASE("rows of the caches beyond the length do not matter") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const auto prompt = random_tokens(random, *model.config, model.config->index_top_k + 9);
  const LayerPattern pattern = random_pattern(random, model.config->num_layers);
  Engine tight = make_engine(model, pattern, chunked(4));
  Engine roomy = make_engine(model, pattern, chunked(4));
  const std::int64_t exact = tight.add_sequence(std::ssize(prompt));
  const std::int64_t reserved = roomy.add_sequence(model.config->max_positions);
  // Reserved rows are NaN (see sequence_cache_test): one that leaked would spread to every logit.
  CHECK(same_bits(prefill_all(tight, exact, prompt).view(),
                  prefill_all(roomy, reserved, prompt).view()));
}

TEST_CASE("one thread and many threads agree") {
  DSABENCH_SEEDED(random);
  const CleanCase found = clean_case(random, 1);
  const int threads = omp_get_max_threads();
  omp_set_num_threads(3);
  const Outcome many = one_shot_outcome(found, 0, found.pattern);
  omp_set_num_threads(1);
  const Outcome one = one_shot_outcome(found, 0, found.pattern);
  omp_set_num_threads(threads);
  check_same(many, one.recorded, one.logits.view());
}

}  // namespace
}  // namespace dsabench::test
