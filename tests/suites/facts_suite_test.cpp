#include "suites/facts/facts_suite.h"

#include <algorithm>
#include <regex>
#include <set>

#include "kernels/base/error.h"
#include "tests/suites/counters.h"
#include "tests/suites/facts_solver.h"
#include "tests/suites/sample_hash.h"
#include "tests/support/error_message.h"
#include "tests/support/random.h"

namespace dsabench::facts {
namespace {

using test::FactsReading;

const test::ByteCounter kBytes;
const test::WordCounter kWords;
const test::SpaceCounter kSpaces;

struct Written {
  const char* suite;
  FactsReading (*read)(std::string_view prompt);
};
constexpr Written kCompact{"facts-compact", test::read_compact_facts};
constexpr Written kText{"facts", test::read_text_facts};

SuiteRequest facts_request(std::int64_t context_tokens, const TokenCounter& counter,
                           test::Random& random) {
  SuiteRequest request;
  request.context_tokens = context_tokens;
  request.counter = &counter;
  request.seed = static_cast<std::uint64_t>(random.integer(0, 1'000'000'000));
  return request;
}

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? " " : ", ") + value;
  return text + ".";
}

TEST_CASE("facts references are what a reader of the prompt finds") {
  DSABENCH_SEEDED(random);
  for (const Written& written : {kCompact, kText}) {
    const Suite& suite = find_suite(written.suite);
    for (const auto& [counter, context] : std::vector<std::pair<const TokenCounter*, std::int64_t>>{
             {&kBytes, random.integer(2'500, 5'000)}, {&kSpaces, random.integer(500, 1'500)}}) {
      SuiteRequest request = facts_request(context, *counter, random);
      request.samples_per_task = 8;
      const std::vector<Sample> samples = suite.samples(request);
      REQUIRE(samples.size() == 16 * 8);
      for (const Sample& sample : samples) {
        CAPTURE(sample.item_id, request.seed, sample.prompt);
        const std::vector<std::string> found = test::solve_facts(written.read(sample.prompt));
        CHECK(found == sample.references);
        CHECK(suite.scorer()->score(sample, joined(found)) == 1.0);
        CHECK(suite.scorer()->score(sample, "") == 0.0);
      }
    }
  }
}

TEST_CASE("facts poses one problem in both renderings and at every context") {
  DSABENCH_SEEDED(random);
  SuiteRequest request = facts_request(2'500, kBytes, random);
  request.samples_per_task = 2;
  const std::vector<Sample> compact = find_suite("facts-compact").samples(request);
  const std::vector<Sample> text = find_suite("facts").samples(request);
  request.context_tokens = random.integer(5'000, 9'000);
  const std::vector<Sample> longer = find_suite("facts").samples(request);
  REQUIRE(compact.size() == text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    CAPTURE(text[i].item_id, request.seed);
    const FactsReading a = test::read_compact_facts(compact[i].prompt);
    const FactsReading b = test::read_text_facts(text[i].prompt);
    const FactsReading c = test::read_text_facts(longer[i].prompt);
    CHECK(a.statements == b.statements);
    CHECK(a.question == b.question);
    CHECK(compact[i].references == text[i].references);
    CHECK(b.statements == c.statements);
    CHECK(b.question == c.question);
    CHECK(text[i].references == longer[i].references);
    CHECK(text[i].answer_prefix == longer[i].answer_prefix);
    CHECK(text[i].prompt.size() < longer[i].prompt.size());
  }
}

TEST_CASE("facts prompts have exactly the length asked for") {
  DSABENCH_SEEDED(random);
  struct Case {
    const char* suite;
    const TokenCounter* counter;
    std::int64_t off;  ///< at most
  };
  // The compact rendering's filling takes two bytes at a time.
  for (const Case& test_case :
       {Case{"facts-compact", &kSpaces, 0}, Case{"facts-compact", &kBytes, 1},
        Case{"facts", &kBytes, 0}, Case{"facts", &kWords, 0}, Case{"facts", &kSpaces, 0}}) {
    const SuiteRequest request =
        facts_request(random.integer(2'500, 10'000), *test_case.counter, random);
    for (const Sample& sample : find_suite(test_case.suite).samples(request)) {
      CAPTURE(test_case.suite, sample.item_id, request.seed, request.context_tokens);
      const std::int64_t used =
          request.counter->count(sample.prompt + sample.answer_prefix) + sample.max_new_tokens;
      CHECK(used <= request.context_tokens);
      CHECK(used >= request.context_tokens - test_case.off);
      CHECK(sample.context_tokens == request.context_tokens);
      CHECK(sample.prompt_tokens.empty());
    }
  }
}

TEST_CASE("facts-compact leaves room for the answer and its end, and not a token more") {
  DSABENCH_SEEDED(random);
  const SuiteRequest request = facts_request(400, kSpaces, random);
  for (const Sample& sample : find_suite("facts-compact").samples(request)) {
    CAPTURE(sample.item_id);
    CHECK(sample.max_new_tokens == std::ssize(sample.references) + 1);
  }
}

TEST_CASE("facts-compact prompts are words of the vocabulary, with one space between them") {
  DSABENCH_SEEDED(random);
  const std::set<std::string> known(vocabulary().begin(), vocabulary().end());
  for (const Sample& sample :
       find_suite("facts-compact").samples(facts_request(1'000, kSpaces, random))) {
    CHECK(sample.answer_prefix.empty());
    std::string word;
    for (const char c : sample.prompt + " ") {
      if (c != ' ') {
        word += c;
        continue;
      }
      CAPTURE(sample.item_id, word);
      REQUIRE(known.count(word) == 1);
      REQUIRE(word != "<unk>");
      word.clear();
    }
    for (const std::string& reference : sample.references) CHECK(known.count(reference) == 1);
  }
}

TEST_CASE("facts states its facts at all depths") {
  DSABENCH_SEEDED(random);
  SuiteRequest request = facts_request(2'000, kSpaces, random);
  request.samples_per_task = 40;
  request.tasks = {"kv"};
  std::vector<int> quarters(4);
  for (const Sample& sample : find_suite("facts-compact").samples(request)) {
    for (std::size_t at = sample.prompt.find("box:"); at != std::string::npos;
         at = sample.prompt.find("box:", at + 1)) {
      ++quarters[at * 4 / sample.prompt.size()];
    }
  }
  // 40 times 24 boxes; the standard deviation is 13.
  for (const int count : quarters) CHECK(std::abs(count - 240) < 80);
}

TEST_CASE("facts asks distractors that share words with the key") {
  DSABENCH_SEEDED(random);
  SuiteRequest request = facts_request(400, kSpaces, random);
  request.samples_per_task = 50;
  request.tasks = {"kv_multi_key"};
  for (const Sample& sample : find_suite("facts-compact").samples(request)) {
    const FactsReading reading = test::read_compact_facts(sample.prompt);
    int same_first = 0, same_second = 0;
    for (const auto& pair : reading.statements) {
      same_first += pair[1] == reading.question[1];
      same_second += pair[2] == reading.question[2];
    }
    CAPTURE(sample.prompt);
    CHECK(same_first >= 4);
    CHECK(same_second >= 4);
  }
}

TEST_CASE("facts names the smallest context that works") {
  DSABENCH_SEEDED(random);
  for (const char* name : {"facts", "facts-compact"}) {
    const Suite& suite = find_suite(name);
    for (const std::string& task : suite.tasks()) {
      SuiteRequest request = facts_request(5, kWords, random);
      request.tasks = {task};
      request.samples_per_task = 3;
      const std::string message = test::message_of<InvalidArgument>([&] { suite.check(request); });
      CAPTURE(name, task, message, request.seed);
      std::smatch number;
      REQUIRE(std::regex_search(message, number, std::regex("at least (\\d+) tokens, got 5")));
      request.context_tokens = std::stoll(number[1]);
      CHECK(request.context_tokens <= 700);
      CHECK(suite.samples(request).size() == 3);
      --request.context_tokens;
      CHECK_THROWS_AS(suite.samples(request), InvalidArgument);
    }
  }
}

TEST_CASE("facts refuses requests it cannot meet") {
  DSABENCH_SEEDED(random);
  SuiteRequest request = facts_request(4'096, kBytes, random);
  const Suite& suite = find_suite("facts");
  const auto message = [&] {
    return test::message_of<InvalidArgument>([&] { suite.samples(request); });
  };
  request.tasks = {"kv", "kv_9"};
  CHECK(test::contains(message(), "'kv_9'; there are: kv, "));
  request.tasks = {};
  request.counter = nullptr;
  CHECK(test::contains(message(), "tokenizer"));
}

TEST_CASE("both suites of facts list the tasks there are, and take their records") {
  std::vector<std::string> names;
  for (const NamedTask& task : all_tasks()) {
    names.push_back(task.name);
    CAPTURE(task.name);
    CHECK(task.records >= task.task->records().min);
    CHECK(task.records <= task.task->records().max);
  }
  CHECK(names.size() == 16);
  CHECK(find_suite("facts").tasks() == names);
  CHECK(find_suite("facts-compact").tasks() == names);
}

TEST_CASE("version 1 of facts is these prompts on every platform") {
  // A change of these values is a change of the suites: raise the versions in both suite.json.
  for (const auto& [name, context, expected] :
       std::vector<std::tuple<const char*, std::int64_t, std::vector<std::uint64_t>>>{
           {"facts-compact",
            300,
            {0x9a38157503d8d902, 0x9dbeeddd0f86e688, 0xf1b0da9d35f12864, 0x10465984255c48e7,
             0x5e15f473481c9d80, 0x391a513d5e9d7429, 0xfbdac86a5b840e3f, 0xd59fac411b3ede63,
             0x148a3e8d499bebbe, 0x766c81ea534d2fb0, 0xcedfaff8352eee55, 0x9a2a5dc542b82769,
             0x9ec9189837af7a79, 0x9506b146adecaa56, 0x0ab9fa27a1016737, 0x5c6b0ee6b9a51212}},
           {"facts",
            700,
            {0x60727ed1b53ad564, 0xddad40a2d2ff4309, 0x66fcf083ab2774e0, 0xf1f78c5f60bf0653,
             0xe957b05e80770b8b, 0xdd58854b31a32193, 0x8bb20fa52c30f1b1, 0x1839e2ed40e1aa69,
             0x041d61e9f5742dc0, 0x6e4a8b6c1ab91ccc, 0x967b6ed50a055d26, 0x92aa611523eaf5ee,
             0x48ba5412a88bf231, 0xccf26df264eed878, 0xd94b6ecafcdd4956, 0xdd3d486e6b642462}}}) {
    CHECK(find_suite(name).version() == "1");
    SuiteRequest request;
    request.context_tokens = context;
    request.counter = &kWords;
    request.seed = 42;
    std::vector<std::uint64_t> hashes;
    for (const Sample& sample : find_suite(name).samples(request)) {
      hashes.push_back(test::sample_hash(sample));
    }
    CAPTURE(name);
    CHECK(hashes == expected);
  }
}

}  // namespace
}  // namespace dsabench::facts
