#include "suites/speed/speed_suite.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "kernels/base/error.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

SuiteRequest speed_request(std::int64_t context_tokens, std::int64_t vocab_size,
                           std::uint64_t seed = 1) {
  SuiteRequest request;
  request.context_tokens = context_tokens;
  request.vocab_size = vocab_size;
  request.seed = seed;
  return request;
}

TEST_CASE("speed prompts have exactly the tokens asked for, all in the vocabulary") {
  DSABENCH_SEEDED(random);
  const auto suite = make_speed_suite();
  for (int round = 0; round < 30; ++round) {
    SuiteRequest request = speed_request(round == 0 ? 1 : random.integer(1, 20'000),
                                         round < 3 ? round + 1 : random.integer(1, 200'000),
                                         static_cast<std::uint64_t>(random.integer(0, 1'000'000)));
    request.samples_per_task = random.integer(1, 3);
    CAPTURE(request.context_tokens, request.vocab_size, request.seed);
    const std::vector<Sample> samples = suite->samples(request);
    REQUIRE(samples.size() == static_cast<std::size_t>(request.samples_per_task));
    for (const Sample& sample : samples) {
      CHECK(sample.prompt_tokens.size() == static_cast<std::size_t>(request.context_tokens));
      CHECK(sample.context_tokens == request.context_tokens);
      CHECK(sample.prompt.empty());
      const auto [low, high] =
          std::minmax_element(sample.prompt_tokens.begin(), sample.prompt_tokens.end());
      CHECK(*low >= 0);
      CHECK(*high < request.vocab_size);
    }
  }
}

TEST_CASE("speed prompts repeat with the seed and differ between seeds, contexts and samples") {
  const auto suite = make_speed_suite();
  SuiteRequest request = speed_request(1'000, 154'880);
  request.samples_per_task = 2;
  const std::vector<Sample> samples = suite->samples(request);
  CHECK(samples[0].prompt_tokens == suite->samples(request)[0].prompt_tokens);
  CHECK(samples[0].prompt_tokens != samples[1].prompt_tokens);
  CHECK(samples[0].item_id == "zipf_tokens/1000/0");
  CHECK(samples[1].item_id == "zipf_tokens/1000/1");
  request.seed = 2;
  CHECK(samples[0].prompt_tokens != suite->samples(request)[0].prompt_tokens);
  const auto longer = suite->samples(speed_request(1'001, 154'880))[0].prompt_tokens;
  CHECK_FALSE(
      std::equal(samples[0].prompt_tokens.begin(), samples[0].prompt_tokens.end(), longer.begin()));
}

TEST_CASE("speed prompts are the same on every platform") {
  const Sample sample = make_speed_suite()->samples(speed_request(8, 154'880, 7)).at(0);
  CHECK(sample.prompt_tokens ==
        std::vector<std::int32_t>{132271, 73108, 109662, 116439, 98297, 55780, 71790, 132271});
}

TEST_CASE("speed token frequencies fall as one over the rank") {
  DSABENCH_SEEDED(random);
  const std::int64_t vocab_size = 1 << 16, count = 400'000;
  const Sample sample =
      make_speed_suite()
          ->samples(speed_request(count, vocab_size,
                                  static_cast<std::uint64_t>(random.integer(0, 1'000'000))))
          .at(0);
  std::vector<std::int64_t> counts(static_cast<std::size_t>(vocab_size));
  for (const std::int32_t token : sample.prompt_tokens) ++counts[static_cast<std::size_t>(token)];
  std::sort(counts.rbegin(), counts.rend());
  // Sixteen octaves of ranks, [2^k - 1, 2^(k+1) - 1), share the tokens evenly.
  for (int octave = 0; octave < 12; ++octave) {
    std::int64_t sum = 0;
    for (int rank = (1 << octave) - 1; rank < (2 << octave) - 1; ++rank) {
      sum += counts[static_cast<std::size_t>(rank)];
    }
    CAPTURE(octave);
    CHECK(std::abs(static_cast<double>(sum) / count - 1.0 / 16) < 0.01);
  }
}

TEST_CASE("speed draws ranks past the end of the vocabulary again") {
  // Two tokens: an octave of rank 0, and one of ranks 1 and 2 of which only 1 counts.
  const Sample sample = make_speed_suite()->samples(speed_request(90'000, 2)).at(0);
  const auto zeros = std::count(sample.prompt_tokens.begin(), sample.prompt_tokens.end(), 0);
  const std::int64_t more = std::max<std::int64_t>(zeros, 90'000 - zeros);
  CHECK(std::abs(more - 60'000) < 1'000);
}

TEST_CASE("speed's frequent tokens are those of the vocabulary, not of the seed") {
  const auto suite = make_speed_suite();
  std::set<std::int32_t> most_frequent;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    std::vector<std::int64_t> counts(1'000);
    const Sample sample = suite->samples(speed_request(5'000, 1'000, seed)).at(0);
    for (const std::int32_t token : sample.prompt_tokens) {
      ++counts[static_cast<std::size_t>(token)];
    }
    most_frequent.insert(
        static_cast<std::int32_t>(std::max_element(counts.begin(), counts.end()) - counts.begin()));
  }
  CHECK(most_frequent.size() == 1);
}

TEST_CASE("speed generates the suite's own number of tokens unless told") {
  const auto suite = make_speed_suite();
  SuiteRequest request = speed_request(10, 100);
  CHECK(suite->samples(request)[0].max_new_tokens == 32);
  request.decode_tokens = 5;
  CHECK(suite->samples(request)[0].max_new_tokens == 5);
}

TEST_CASE("speed refuses sizes that make no prompt") {
  const auto suite = make_speed_suite();
  CHECK_THROWS_AS(suite->samples(speed_request(0, 100)), InvalidArgument);
  CHECK_THROWS_AS(suite->samples(speed_request(10, 0)), InvalidArgument);
  CHECK_THROWS_AS(suite->samples(speed_request(10, std::int64_t{1} << 31)), InvalidArgument);
  SuiteRequest request = speed_request(10, 100);
  request.samples_per_task = 0;
  CHECK_THROWS_AS(suite->samples(request), InvalidArgument);
  request = speed_request(10, 100);
  request.decode_tokens = -1;
  CHECK_THROWS_AS(suite->samples(request), InvalidArgument);
  request = speed_request(10, 100);
  request.tasks = {"zipf"};
  CHECK_THROWS_AS(suite->samples(request), InvalidArgument);
}

}  // namespace
}  // namespace dsabench
