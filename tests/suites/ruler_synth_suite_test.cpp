#include "suites/ruler_synth/ruler_synth_suite.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "kernels/base/error.h"
#include "tests/suites/counters.h"
#include "tests/suites/ruler_solver.h"
#include "tests/suites/sample_hash.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

using test::ByteCounter;
using test::WordCounter;

const ByteCounter kBytes;
const WordCounter kWords;

SuiteRequest ruler_request(std::int64_t context_tokens, const TokenCounter& counter,
                           std::uint64_t seed) {
  SuiteRequest request;
  request.context_tokens = context_tokens;
  request.counter = &counter;
  request.seed = seed;
  return request;
}

std::uint64_t random_seed(test::Random& random) {
  return static_cast<std::uint64_t>(random.integer(0, 1'000'000'000));
}

std::string message_of(const Suite& suite, const SuiteRequest& request) {
  try {
    suite.samples(request);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "";
}

/// What the refusal of a context that is too small names.
std::int64_t smallest_context(const Suite& suite, SuiteRequest request) {
  request.context_tokens = 20;
  const std::string message = message_of(suite, request);
  CAPTURE(message, request.seed);
  CHECK(message.find("task " + request.tasks.at(0) + " needs") != std::string::npos);
  std::smatch number;
  REQUIRE(std::regex_search(message, number, std::regex("at least (\\d+) tokens, got 20")));
  return std::stoll(number[1]);
}

std::vector<std::string> sorted(std::vector<std::string> values) {
  std::sort(values.begin(), values.end());
  return values;
}

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += " " + value;
  return text;
}

TEST_CASE("ruler-synth references are what a reader of the prompt finds") {
  DSABENCH_SEEDED(random);
  const auto suite = make_ruler_synth_suite();
  for (const auto& [counter, contexts] :
       std::vector<std::pair<const TokenCounter*, std::vector<std::int64_t>>>{
           {&kBytes, {2'048, 4'096, 8'192, random.integer(2'048, 40'000)}},
           {&kWords, {1'024, random.integer(1'024, 20'000)}}}) {
    for (const std::int64_t context : contexts) {
      SuiteRequest request = ruler_request(context, *counter, random_seed(random));
      request.samples_per_task = 4;
      const std::vector<Sample> samples = suite->samples(request);
      REQUIRE(samples.size() == 24);
      for (const Sample& sample : samples) {
        CAPTURE(sample.item_id, request.seed, sample.prompt);
        const std::vector<std::string> found = test::solve_ruler(sample.task, sample.prompt);
        CHECK(sorted(found) == sorted(sample.references));
        CHECK(suite->scorer()->score(sample, joined(found)) == 1.0);
      }
    }
  }
}

TEST_CASE("ruler-synth gives part of the score for part of the answer and none for none") {
  DSABENCH_SEEDED(random);
  const auto suite = make_ruler_synth_suite();
  for (const Sample& sample : suite->samples(ruler_request(4'096, kBytes, random_seed(random)))) {
    CAPTURE(sample.item_id);
    const double share = 1.0 / static_cast<double>(sample.references.size());
    CHECK(std::abs(suite->scorer()->score(sample, sample.references[0]) - share) < 1e-12);
    CHECK(suite->scorer()->score(sample, "") == 0.0);
    CHECK(suite->scorer()->score(sample, sample.answer_prefix) == 0.0);
  }
}

/// More than any unit of haystack takes: a needle of two UUIDs, or several coded words at once.
std::int64_t unit_bound(const TokenCounter& counter) { return &counter == &kBytes ? 110 : 40; }

TEST_CASE("ruler-synth prompts fill the context, and leave room for the answer") {
  DSABENCH_SEEDED(random);
  const auto suite = make_ruler_synth_suite();
  for (int round = 0; round < 12; ++round) {
    const TokenCounter& counter = round % 2 == 0 ? static_cast<const TokenCounter&>(kBytes)
                                                 : static_cast<const TokenCounter&>(kWords);
    const std::int64_t context = random.integer(2'048, 30'000);
    const SuiteRequest request = ruler_request(context, counter, random_seed(random));
    for (const Sample& sample : suite->samples(request)) {
      CAPTURE(sample.item_id, request.seed, round % 2);
      const std::int64_t used =
          counter.count(sample.prompt + sample.answer_prefix) + sample.max_new_tokens;
      CHECK(used <= context);
      CHECK(used > context - unit_bound(counter));
      CHECK(sample.context_tokens == context);
      CHECK(sample.prompt_tokens.empty());
      CHECK(counter.count(joined(sample.references)) < sample.max_new_tokens);
    }
  }
}

TEST_CASE("ruler-synth keeps RULER's answer budgets where they suffice") {
  const auto suite = make_ruler_synth_suite();
  std::vector<std::int64_t> budgets;
  for (const Sample& sample : suite->samples(ruler_request(4'096, kWords, 3))) {
    budgets.push_back(sample.max_new_tokens);
  }
  CHECK(budgets == std::vector<std::int64_t>{128, 128, 128, 30, 120, 50});
}

TEST_CASE("ruler-synth asks the same question at every context") {
  DSABENCH_SEEDED(random);
  const auto suite = make_ruler_synth_suite();
  const std::uint64_t seed = random_seed(random);
  const std::vector<Sample> small = suite->samples(ruler_request(2'048, kBytes, seed));
  const std::vector<Sample> large = suite->samples(ruler_request(9'000, kBytes, seed));
  for (std::size_t i = 0; i < small.size(); ++i) {
    CAPTURE(small[i].item_id);
    CHECK(small[i].references == large[i].references);
    CHECK(small[i].answer_prefix == large[i].answer_prefix);
    CHECK(small[i].prompt.size() < large[i].prompt.size());
  }
}

TEST_CASE("ruler-synth values come nowhere but where they are hidden") {
  DSABENCH_SEEDED(random);
  const auto suite = make_ruler_synth_suite();
  SuiteRequest request = ruler_request(12'000, kBytes, random_seed(random));
  request.samples_per_task = 3;
  for (const Sample& sample : suite->samples(request)) {
    CAPTURE(sample.item_id, request.seed, sample.prompt);
    REQUIRE_FALSE(sample.references.empty());
    const std::set<std::string> distinct(sample.references.begin(), sample.references.end());
    CHECK(distinct.size() == sample.references.size());
    for (const std::string& reference : sample.references) {
      CAPTURE(reference);
      CHECK(test::occurrences(sample.answer_prefix, reference) == 0);
      const std::int64_t found = test::occurrences(sample.prompt, reference);
      if (sample.task.substr(0, 4) == "niah") CHECK(found == 1);
      if (sample.task == "vt") CHECK(found == (reference == sample.references.back() ? 1 : 2));
      if (sample.task == "cwe") CHECK(found == 30);
    }
  }
}

TEST_CASE("ruler-synth haystacks of needles have no key or value twice") {
  DSABENCH_SEEDED(random);
  const auto suite = make_ruler_synth_suite();
  SuiteRequest request = ruler_request(60'000, kBytes, random_seed(random));
  request.tasks = {"niah_multikey_2", "niah_multikey_3"};
  const std::regex needle("The secret (?:number|code) of (\\S+) is (\\S+)\\.\n");
  for (const Sample& sample : suite->samples(request)) {
    CAPTURE(sample.item_id, request.seed);
    std::set<std::string> keys, values;
    std::size_t count = 0;
    const std::sregex_iterator end;
    for (std::sregex_iterator match(sample.prompt.begin(), sample.prompt.end(), needle);
         match != end; ++match, ++count) {
      keys.insert((*match)[1]);
      values.insert((*match)[2]);
    }
    CHECK(count > 500);
    CHECK(keys.size() == count);
    CHECK(values.size() == count);
  }
}

TEST_CASE("ruler-synth hides needles at all depths") {
  DSABENCH_SEEDED(random);
  const auto suite = make_ruler_synth_suite();
  SuiteRequest request = ruler_request(4'096, kBytes, random_seed(random));
  request.samples_per_task = 200;
  request.tasks = {"niah_single_1"};
  std::vector<int> quarters(4);
  for (const Sample& sample : suite->samples(request)) {
    ++quarters[sample.prompt.find(sample.references[0]) * 4 / sample.prompt.size()];
  }
  for (const int count : quarters) CHECK(std::abs(count - 50) < 35);  // six standard deviations
}

/// How often each word comes in the list that a cwe prompt asks about.
std::map<std::string, std::int64_t> listed_words(const std::string& prompt) {
  const std::size_t end = prompt.rfind('\n'), begin = prompt.rfind('\n', end - 1) + 1;
  std::istringstream list(prompt.substr(begin, end - begin));
  std::map<std::string, std::int64_t> counts;
  for (std::string number, word; list >> number >> word;) ++counts[word];
  return counts;
}

TEST_CASE("cwe takes RULER's frequencies where the context allows, lower ones below") {
  DSABENCH_SEEDED(random);
  const auto suite = make_ruler_synth_suite();
  struct Expected {
    std::int64_t context, common, uncommon;
  };
  // At 100,000 the list words are used up and coined ones take their place.
  for (const Expected& expected :
       {Expected{2'048, 6, 1}, {4'096, 6, 1}, {8'192, 30, 3}, {100'000, 30, 3}}) {
    SuiteRequest request = ruler_request(expected.context, kBytes, random_seed(random));
    request.tasks = {"cwe"};
    request.samples_per_task = expected.context > 50'000 ? 1 : 5;
    for (const Sample& sample : suite->samples(request)) {
      CAPTURE(sample.item_id, request.seed);
      std::map<std::string, std::int64_t> counts = listed_words(sample.prompt);
      for (const std::string& word : sample.references) {
        CHECK(counts[word] == expected.common);
        counts.erase(word);
      }
      CHECK(counts.size() >= 10);
      for (const auto& [word, count] : counts) {
        CAPTURE(word);
        REQUIRE(count == expected.uncommon);
      }
    }
  }
}

TEST_CASE("fwe's answers are never tied, at any length") {
  DSABENCH_SEEDED(random);
  const auto suite = make_ruler_synth_suite();
  SuiteRequest request = ruler_request(0, kBytes, random_seed(random));
  request.tasks = {"fwe"};
  const std::int64_t smallest = smallest_context(*suite, request);
  for (std::int64_t context = smallest; context < smallest + 900; context += 3) {
    request.context_tokens = context;
    const Sample sample = suite->samples(request).at(0);
    CAPTURE(sample.item_id, request.seed, sample.prompt);
    CHECK(test::solve_ruler("fwe", sample.prompt) == sample.references);
  }
}

TEST_CASE("ruler-synth names the smallest context that works") {
  DSABENCH_SEEDED(random);
  const auto suite = make_ruler_synth_suite();
  for (const std::string& task : suite->tasks()) {
    for (const TokenCounter* counter :
         {static_cast<const TokenCounter*>(&kBytes), static_cast<const TokenCounter*>(&kWords)}) {
      SuiteRequest request = ruler_request(20, *counter, random_seed(random));
      request.tasks = {task};
      request.samples_per_task = 3;
      request.context_tokens = smallest_context(*suite, request);
      CAPTURE(task, request.context_tokens, request.seed);
      CHECK(request.context_tokens <= 2'048);
      for (const Sample& sample : suite->samples(request)) {
        CHECK(sorted(test::solve_ruler(task, sample.prompt)) == sorted(sample.references));
      }
      --request.context_tokens;
      CHECK_THROWS_AS(suite->samples(request), InvalidArgument);
    }
  }
}

TEST_CASE("ruler-synth refuses requests it cannot meet") {
  const auto suite = make_ruler_synth_suite();
  SuiteRequest request = ruler_request(4'096, kBytes, 1);
  request.tasks = {"niah_single_1", "niah_single_9"};
  CHECK(message_of(*suite, request).find("'niah_single_9'; there are: niah_single_1, ") !=
        std::string::npos);
  request.tasks = {"vt", "vt"};
  CHECK(message_of(*suite, request).find("named twice") != std::string::npos);
  request.tasks = {};
  request.samples_per_task = 0;
  CHECK_THROWS_AS(suite->samples(request), InvalidArgument);
  request.samples_per_task = 1;
  request.counter = nullptr;
  CHECK(message_of(*suite, request).find("tokenizer") != std::string::npos);
}

TEST_CASE("ruler-synth items depend on seed, task and index alone") {
  const auto suite = make_ruler_synth_suite();
  SuiteRequest request = ruler_request(4'096, kBytes, 5);
  request.samples_per_task = 2;
  const std::vector<Sample> all = suite->samples(request);
  REQUIRE(all.size() == 12);
  CHECK(all[0].item_id == "niah_single_1/4096/0");
  CHECK(all[1].item_id == "niah_single_1/4096/1");
  CHECK(all[0].prompt != all[1].prompt);
  request.tasks = {"fwe"};
  request.samples_per_task = 1;
  CHECK(suite->samples(request)[0].prompt == all[10].prompt);
  request.seed = 6;
  CHECK(suite->samples(request)[0].prompt != all[10].prompt);
}

TEST_CASE("ruler-synth version 1 is these prompts on every platform") {
  // A change of these values is a change of the suite: raise the version in suite.json with them.
  const auto suite = make_ruler_synth_suite();
  CHECK(suite->version() == "1");
  std::vector<std::uint64_t> hashes;
  for (const std::int64_t context : {2'048, 8'192}) {
    for (const Sample& sample : suite->samples(ruler_request(context, kBytes, 42))) {
      hashes.push_back(test::sample_hash(sample));
    }
  }
  CHECK(hashes ==
        std::vector<std::uint64_t>{0xd1c0114693ad180c, 0x1c75c7a226c324e9, 0x1dc0d12150f5afaf,
                                   0x02a45baedd592f19, 0x27d934ffaf96d801, 0x1743898ed3b8ca9b,
                                   0x28d0bdf5e3c11b7e, 0xf9e52bf6883c5680, 0x2918468f0db7ec81,
                                   0xe46b722b1ed33ccc, 0x35c65ba22367c864, 0xe1322eed8edd7a50});
}

}  // namespace
}  // namespace dsabench
