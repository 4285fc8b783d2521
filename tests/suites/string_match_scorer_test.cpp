#include "suites/ruler_synth/string_match_scorer.h"

#include "kernels/base/error.h"
#include "tests/support/catch.h"

namespace dsabench {
namespace {

Sample with_references(std::vector<std::string> references) {
  Sample sample;
  sample.item_id = "task/1/0";
  sample.references = std::move(references);
  return sample;
}

TEST_CASE("StringMatchScorer counts the references an answer contains") {
  const StringMatchScorer scorer;
  const Sample sample = with_references({"alpha", "Beta", "1234567", "gamma"});
  CHECK(scorer.score(sample, "alpha beta 1234567 gamma") == 1.0);
  CHECK(scorer.score(sample, " They are ALPHA, and (bEtA).") == 0.5);
  CHECK(scorer.score(sample, "1234567") == 0.25);
  CHECK(scorer.score(sample, "alpha alpha alpha") == 0.25);
  CHECK(scorer.score(sample, "123456") == 0.0);
  CHECK(scorer.score(sample, "") == 0.0);
  CHECK(scorer.score(sample, " \n\t ") == 0.0);
}

TEST_CASE("StringMatchScorer turns control characters into newlines before it matches") {
  const StringMatchScorer scorer;
  const std::string split("al\0pha", 6);
  CHECK(scorer.score(with_references({"alpha"}), split) == 0.0);
  CHECK(scorer.score(with_references({"al\npha"}), split) == 1.0);
  CHECK(scorer.score(with_references({"al\npha"}), "al\tpha") == 1.0);
  CHECK(scorer.score(with_references({"\nalpha"}), "\talpha") == 0.0);  // trimmed
  CHECK(scorer.score(with_references({"\xc3\xa9"}), "caf\xc3\xa9") == 1.0);
}

TEST_CASE("StringMatchScorer refuses a sample that every answer would match") {
  const StringMatchScorer scorer;
  CHECK_THROWS_AS(scorer.score(with_references({}), "x"), InvalidArgument);
  CHECK_THROWS_AS(scorer.score(with_references({"x", ""}), "x"), InvalidArgument);
}

TEST_CASE("StringMatchScorer's name has its version") {
  CHECK(StringMatchScorer().name() == "ruler_string_match_all/1");
}

}  // namespace
}  // namespace dsabench
