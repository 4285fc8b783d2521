#include "train/batch.h"

#include <set>

#include "suites/facts/vocabulary.h"
#include "tests/support/catch.h"
#include "tests/train/tiny_plan.h"

namespace dsabench::test {
namespace {

/// The questions that each sequence of a step of one level asks: their words up to the names.
std::vector<std::set<std::vector<std::int64_t>>> questions(const nlohmann::json& level) {
  nlohmann::json json = tiny_plan(4);
  json["stages"][0]["courses"] = {{{"first_step", 0}, {"levels", {level}}}};
  json["stages"][0]["tokens_per_step"] = 40 * 96;
  const ScratchFolder folder;
  const train::Batch batch = train::make_batch(train::load_plan(write_plan(folder, json)), 0, 1);
  std::vector<std::set<std::vector<std::int64_t>>> all;
  for (std::int64_t s = 0; s < batch.tokens.size(0); ++s) {
    all.emplace_back();
    const std::int64_t* tokens = batch.tokens.data_ptr<std::int64_t>() + s * batch.tokens.size(1);
    for (std::int64_t t = 0; t + 1 < batch.tokens.size(1); ++t) {
      if (tokens[t] < facts::kAskBox || tokens[t] > facts::kAskRule) continue;
      const bool number =
          tokens[t + 1] >= facts::number_word(0) && tokens[t + 1] < facts::name_word(0);
      all.back().insert(number ? std::vector{tokens[t], tokens[t + 1]} : std::vector{tokens[t]});
    }
  }
  return all;
}

using Questions = std::set<std::vector<std::int64_t>>;

TEST_CASE("a level asks for the tasks that it names, one of them a sequence where it says so") {
  const Questions both = {{facts::kAskBox}, {facts::kAskRank}};
  nlohmann::json level = {{"length", 96}, {"records", 3}, {"tasks", {"sort", "kv"}}};
  for (const Questions& asked : questions(level)) CHECK(asked == both);
  level["one_task"] = true;
  Questions of_any;
  for (const Questions& asked : questions(level)) {
    CHECK(asked.size() == 1);
    of_any.insert(asked.begin(), asked.end());
  }
  CHECK(of_any == both);
}

TEST_CASE("a level asks every question where it says so") {
  nlohmann::json level = {
      {"length", 96}, {"records", 6}, {"queries", 24}, {"tasks", {"chain_2"}}, {"one_task", true}};
  const auto hops = [](std::uint64_t n) {
    return std::vector<std::int64_t>{facts::kAskLink, facts::number_word(n)};
  };
  for (const Questions& asked : questions(level)) CHECK(asked == Questions{hops(2)});
  level["every_question"] = true;
  for (const Questions& asked : questions(level)) {
    CHECK(asked == Questions{hops(1), hops(2), hops(3)});
  }
}

}  // namespace
}  // namespace dsabench::test
