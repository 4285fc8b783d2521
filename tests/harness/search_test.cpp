/// `search` from the command line to its tables and the database, and what it is made of.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/text/word_level_tokenizer.h"
#include "harness/run/calibration_set.h"
#include "harness/run/search_run.h"
#include "results/store.h"
#include "suites/facts/facts_suite.h"
#include "suites/facts/vocabulary.h"
#include "tests/harness/cli_calls.h"
#include "tests/support/catch.h"

namespace dsabench {
namespace {

using nlohmann::json;
using test::call_cli;
using test::CliResult;
using test::contains;
using test::is_error_line;
using test::ScratchFolder;

/// `search` of a miniature of five layers.
std::vector<std::string> quick_search(const std::string& db, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"search",
                                        "--model",
                                        "demo",
                                        "--set",
                                        "num_hidden_layers=5",
                                        "--suite",
                                        "facts-compact",
                                        "--tasks",
                                        "kv",
                                        "--context",
                                        "512",
                                        "--samples-per-task",
                                        "2",
                                        "--progress",
                                        "plain",
                                        "--db",
                                        db,
                                        "--format",
                                        "json"};
  for (const auto& [key, value] : test::tiny_overrides()) {
    if (key != "num_hidden_layers") arguments.insert(arguments.end(), {"--set", key + "=" + value});
  }
  return test::replaced(std::move(arguments), more);
}

constexpr std::pair<const char*, const char*> kNames[] = {
    {"Search: ", "patterns"}, {"The patterns in", "dialects"}, {"Each layer", "layers"},
    {"Steps", "steps"},       {"Of all evaluated", "front"},   {"What the search", "work"}};

std::map<std::string, json> tables_of(const std::string& out) {
  std::map<std::string, json> tables;
  const json document = json::parse(out);
  for (const json& table : document.at("tables")) {
    const std::string title = table.at("title");
    for (const auto& [begin, name] : kNames) {
      if (title.starts_with(begin)) tables[name] = table;
    }
  }
  return tables;
}

std::int64_t num_full(const std::string& letters) {
  return std::count(letters.begin(), letters.end(), 'F');
}

TEST_CASE("a search's tables agree with each other and with the database") {
  const ScratchFolder folder;
  const std::string db = folder / "a.db";
  const CliResult result = call_cli(quick_search(
      db, {"--retention", "3/5,2/5", "--method", "greedy,blocks-2,beam-3,uniform,similarity"}));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  auto tables = tables_of(result.out);
  REQUIRE(tables.size() == 6);
  const json& patterns = tables.at("patterns").at("rows");
  REQUIRE(patterns.size() == 1 + 5 * 2);
  CHECK(contains(tables.at("patterns").at("notes").dump(), "losses mean nothing"));
  std::map<std::string, double> losses;  // of patterns
  const double all_full = patterns[0].at("loss");
  CHECK(patterns[0].at("pattern") == "FFFFF");
  for (const json& row : patterns) {
    CAPTURE(row.dump());
    const std::string letters = row.at("pattern");
    CHECK(row.at("full_layers") == num_full(letters));
    if (row.at("retention") == "3/5") CHECK(num_full(letters) == 3);
    if (row.at("retention") == "2/5") CHECK(num_full(letters) == 2);
    const double loss = row.at("loss");
    CHECK(loss > 0.0);
    CHECK(double(row.at("added_loss")) == loss - all_full);
    CHECK(row.at("second_loss") != row.at("loss"));
    const auto [known, is_new] = losses.emplace(letters, loss);
    CHECK(known->second == loss);  // whichever way led to it
  }
  // Greedy and beam have three steps each (5 to 2 Full layers), blocks too.
  CHECK(tables.at("steps").at("rows").size() == 9);
  CHECK(tables.at("layers").at("rows").size() == 4);
  double last = INFINITY;
  for (const json& row : tables.at("front").at("rows")) {
    CHECK(double(row.at("loss")) < last);
    last = row.at("loss");
    for (const auto& [letters, loss] : losses) {
      if (num_full(letters) <= std::int64_t(row.at("full_layers"))) CHECK(loss >= last);
    }
  }
  for (const json& row : tables.at("dialects").at("rows")) CHECK(row.at("gives") == "the same");
  const json& work = tables.at("work").at("rows");
  REQUIRE(work.size() == 2);
  CHECK(work[0].at("questions") == 2);
  CHECK(std::int64_t(work[0].at("remembered")) >= 8);  // both searches' first steps
  CHECK(work[0].at("layers_run") < work[0].at("layers_plain"));
  CHECK(work[1].at("evaluated").get<std::int64_t>() ==
        work[1].at("asked").get<std::int64_t>() - work[1].at("remembered").get<std::int64_t>());

  const ResultStore store = ResultStore::open(db, ResultStore::Mode::read_only);
  const auto runs = store.list_runs();
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].status == kSearchStatus);
  const auto search = store.load_search(runs[0].run_id);
  REQUIRE(search);
  CHECK_FALSE(search->interrupted);
  CHECK(search->patterns.size() == 2 * patterns.size());
  std::map<std::string, std::int64_t> flips;
  for (const SearchedFlip& flip : search->flips) {
    ++flips[flip.method];
    if (flip.calibration != 0) continue;
    std::string letters = flip.from_pattern;
    letters[std::size_t(flip.layer)] = 'S';
    CHECK(losses.emplace(letters, flip.loss).first->second == flip.loss);
  }
  CHECK(flips.at("alone") == 2 * 4);
  CHECK(flips.at("greedy") == 4 + 3 + 2);
  CHECK(flips.size() == 4);
  const json settings = json::parse(search->settings_json);
  CHECK(settings.at("suite") == "facts-compact");
  CHECK(settings.at("methods").size() == 5);
  CHECK(settings.at("work").size() == 2);

  CHECK(call_cli({"db", "check", "--db", db}).code == 0);
  CHECK(contains(call_cli({"resume", runs[0].run_id, "--db", db}).err, "is a search"));
}

TEST_CASE("a search repeats, and giving flips up finds the same patterns") {
  const ScratchFolder folder;
  const auto found = [&](const std::vector<std::string>& more) {
    // A question a pass: a flip can be given up between them.
    std::vector<std::string> arguments{"--retention",   "3/5", "--method",       "greedy,blocks-2",
                                       "--pass-tokens", "1",   "--no-second-set"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CliResult result = call_cli(quick_search(folder / "a.db", arguments));
    CAPTURE(result.err);
    REQUIRE(result.code == 0);
    return tables_of(result.out).at("patterns").at("rows").dump();
  };
  const std::string whole = found({});
  CHECK(contains(whole, "\"second_loss\":null"));
  CHECK(found({}) == whole);
  CHECK(found({"--give-up"}) == whole);
  CHECK(found({"--calibration-seed", "7"}) != whole);
}

TEST_CASE("searches refuse what they cannot do, with exit code 2") {
  const ScratchFolder folder;
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--suite", "speed"}, "speed"},
      {{"--suite", "no-such"}, "no-such"},
      {{"--tasks", "no-such"}, "no-such"},
      {{"--method", "guess"}, "guess"},
      {{"--method", "beam"}, "beam"},
      {{"--method", "beam-0"}, "0"},
      {{"--method", "greedy-2"}, "greedy-2"},
      {{"--method", "greedy,greedy"}, "twice"},
      {{"--method", "blocks-3"}, "blocks-3"},
      {{"--retention", "1"}, "nothing to search"},
      {{"--retention", "2"}, "2"},
      {{"--retention", ""}, "--retention"},
      {{"--context", "8"}, "at least"},
      {{"--context", "1Mi"}, "1048576"},
      {{"--samples-per-task", "0"}, "--samples-per-task"},
      {{"--pass-tokens", "x"}, "--pass-tokens"},
      {{"--indexer-mode", "guess"}, "guess"},
      {{"--device", "cuda:all"}, "cuda:all"},
      {{"--set", "vocab_size=200"}, "tokenizer"},
  };
  for (const auto& [more, part] : cases) {
    CAPTURE(more);
    const CliResult result = call_cli(quick_search(folder / "a.db", more));
    CHECK(result.code == 2);
    CHECK(is_error_line(result.err, part));
    CHECK(result.out.empty());
  }
  CHECK(contains(call_cli({"search"}).err, "--model"));
  CHECK_FALSE(std::filesystem::exists(folder / "a.db"));
}

TEST_CASE("search targets have as many Full layers as uniform patterns, each number once") {
  const auto greedy = parse_search_methods("greedy");
  const auto targets = search_targets(
      47, {Retention{1, 2}, Retention{24, 47}, Retention{1, 4}, Retention{1, 8}}, greedy);
  std::vector<std::int64_t> full;
  for (const SearchTarget& target : targets) full.push_back(target.num_full);
  CHECK(full == std::vector<std::int64_t>{24, 12, 6});
  const auto methods = parse_search_methods("beam-4,uniform,blocks-2,similarity,greedy,beam-2");
  std::vector<std::string> names;
  for (const SearchMethod& method : methods) names.push_back(method.name());
  CHECK(names == std::vector<std::string>{"beam-4", "uniform", "blocks-2", "similarity", "greedy",
                                          "beam-2"});
}

TEST_CASE("calibration questions end with their answer and are none that the suite asks") {
  std::vector<std::string> words(facts::vocabulary().begin(), facts::vocabulary().end());
  const std::string unknown = words[facts::kUnknown];
  const WordLevelTokenizer tokenizer({words, unknown, {}});
  CalibrationRequest request;
  request.suite = "facts-compact";
  request.context_tokens = 512;
  request.samples_per_task = 3;
  request.seed = 5;
  const auto texts = calibration_set(request, &tokenizer);
  const auto suite = facts::make_facts_suite(facts::Rendering::compact, facts::Split::calibration);
  REQUIRE(texts.size() == 3 * suite->tasks().size());
  CHECK(has_calibration_split("facts-compact"));
  CHECK(has_calibration_split("facts"));
  CHECK_FALSE(has_calibration_split("ruler-synth"));
  std::set<std::vector<std::int32_t>> asked;
  for (const CalibrationText& text : texts) {
    CHECK(std::ssize(text.tokens) <= 512);
    REQUIRE(text.num_answer >= 1);
    asked.insert(text.tokens);
  }
  CHECK(asked.size() == texts.size());
  // The first text is the first question of the split's first task, then its references.
  SuiteRequest same;
  same.context_tokens = 512;
  same.seed = 5;
  same.tasks = {suite->tasks().front()};
  struct Counter : TokenCounter {
    explicit Counter(const Tokenizer& of) : tokenizer(of) {}
    std::int64_t count(std::string_view text) const override {
      return std::ssize(tokenizer.encode(text));
    }
    const Tokenizer& tokenizer;
  } counter(tokenizer);
  same.counter = &counter;
  const Sample sample = suite->samples(same).front();
  std::string text = sample.prompt + sample.answer_prefix;
  for (const std::string& reference : sample.references) text += " " + reference;
  CHECK(texts.front().tokens == tokenizer.encode(text));
  CHECK(texts.front().num_answer == std::ssize(sample.references));
  const Sample scored = find_suite("facts-compact").samples(same).front();
  CHECK(scored.prompt != sample.prompt);
  CHECK_THROWS_AS(calibration_set(request, nullptr), InvalidArgument);
}

}  // namespace
}  // namespace dsabench
