#include "harness/run/prompt_caches.h"

#include <algorithm>

#include "harness/run/greedy.h"
#include "tests/harness/cli_calls.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

using test::contains;
using test::message_of;

constexpr std::int64_t kPrompt = 70, kSteps = 5, kBatch = 3;

std::unique_ptr<Engine> tiny_engine(CacheFormat format) {
  static const LoadedModel model = load_model(test::tiny_request());
  EngineOptions options;
  options.chunk_tokens = 32;
  options.cache_format = format;
  return std::make_unique<Engine>(model.config, model.weights, LayerPattern::from_letters("FSF"),
                                  options);
}

Sample random_prompt(test::Random& random, std::int64_t tokens) {
  Sample sample;
  sample.item_id = "random";
  for (std::int64_t i = 0; i < tokens; ++i) {
    sample.prompt_tokens.push_back(static_cast<std::int32_t>(random.integer(0, 255)));
  }
  return sample;
}

/// The bits of all logits of some steps from given first tokens.
std::vector<float> decoded(Engine& engine, PromptCaches& caches,
                           const std::vector<std::int32_t>& first) {
  GreedyDecoder decoder(engine, std::ssize(first));
  decoder.set_next_tokens(first);
  std::vector<float> bits;
  for (std::int64_t step = 0; step < kSteps; ++step) {
    decoder.step(caches.sequences(), nullptr);
    const HostView logits = decoder.logits();
    const auto* values = logits.all().data<float>();
    bits.insert(bits.end(), values, values + logits.num_elements());
  }
  return bits;
}

TEST_CASE("a copied prompt decodes as one that was computed, bit for bit, again and again") {
  DSABENCH_SEEDED(random);
  for (const CacheFormat format : {CacheFormat::activations, CacheFormat::fp8}) {
    const Sample prompt = random_prompt(random, kPrompt);
    const std::vector<Sample> each(kBatch, prompt), one(1, prompt);
    const std::vector<std::int32_t> first{7, 99, 200};

    const auto computing = tiny_engine(format);
    PromptCaches computed(*computing, each, kBatch, kPrompt, kSteps);
    computed.open();
    CHECK(computed.filled().size() == 3);
    for (const SequenceTokens& each_alone : computed.prompts()) {
      computing->prefill({&each_alone, 1}, LogitRows::last, {});  // in passes of the same size
    }
    computed.share();
    const std::vector<float> expected = decoded(*computing, computed, first);

    const auto copying = tiny_engine(format);
    PromptCaches copied(*copying, one, kBatch, kPrompt, kSteps);
    copied.open();
    CHECK(copied.filled().size() == 1);
    CHECK(copied.sequences().size() == 3);
    const std::int64_t allocated = copying->allocated_cache_bytes();
    copying->prefill(copied.prompts(), LogitRows::last, {});
    copied.share();
    CHECK((decoded(*copying, copied, first) == expected));
    for (int again = 0; again < 2; ++again) {
      copied.forget_steps();
      for (const std::int64_t sequence : copied.sequences()) {
        CHECK(copying->length(sequence) == kPrompt);
      }
      CHECK((decoded(*copying, copied, first) == expected));
    }
    // All room was taken at once, and is given back and taken again.
    CHECK(copying->allocated_cache_bytes() == allocated);
    copied.open();
    CHECK(copying->allocated_cache_bytes() == allocated);
    CHECK(copying->length(copied.sequences().back()) == 0);
  }
}

TEST_CASE("other numbers or lengths of prompts are refused") {
  DSABENCH_SEEDED(random);
  const auto engine = tiny_engine(CacheFormat::activations);
  const auto refusal = [&](const std::vector<Sample>& prompts) {
    return message_of<InvalidArgument>(
        [&] { PromptCaches(*engine, prompts, kBatch, kPrompt, kSteps); });
  };
  const Sample right = random_prompt(random, kPrompt), long_one = random_prompt(random, 71);
  CHECK(contains(refusal({}), "0 prompts for a batch of 3"));
  CHECK(contains(refusal({right, right}), "2 prompts for a batch of 3"));
  CHECK(contains(refusal({right, right, long_one}), "71 tokens instead of 70"));
  CHECK(contains(refusal({long_one}), "71 tokens instead of 70"));
}

}  // namespace
}  // namespace dsabench
