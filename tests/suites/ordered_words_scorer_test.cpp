#include "suites/facts/ordered_words_scorer.h"

#include "kernels/base/error.h"
#include "tests/support/catch.h"

namespace dsabench {
namespace {

double score(std::vector<std::string> references, std::string_view answer) {
  Sample sample;
  sample.references = std::move(references);
  return OrderedWordsScorer().score(sample, answer);
}

TEST_CASE("OrderedWordsScorer takes one word or none") {
  CHECK(score({"acorn"}, " acorn") == 1.0);
  CHECK(score({"acorn"}, "\n **Acorn**.\nIt is hidden.") == 1.0);
  CHECK(score({"acorn"}, "acorn ; box? hat") == 1.0);
  CHECK(score({"acorn"}, "the acorn") == 0.0);
  CHECK(score({"acorn"}, "acorn hat") == 0.0);
  CHECK(score({"acorn"}, "acorns") == 0.0);
  CHECK(score({"acorn"}, "acor") == 0.0);
  CHECK(score({"acorn"}, ". . acorn") == 1.0);  // nothing was said before
  CHECK(score({"acorn"}, "hat. acorn") == 0.0);
  CHECK(score({"7"}, " 7.") == 1.0);
  CHECK(score({"7"}, " 17") == 0.0);
  CHECK(score({"acorn"}, "") == 0.0);
  CHECK(score({"acorn"}, std::string_view("ac\0rn", 5)) == 0.0);
}

TEST_CASE("OrderedWordsScorer gives several words their share of places") {
  CHECK(score({"a", "b", "c"}, "a, b and c.") == 1.0);
  CHECK(score({"a", "b", "c", "d"}, "a b") == 0.5);
  CHECK(score({"a", "b", "c", "d"}, "b a d c") == 0.0);
  CHECK(score({"a", "b"}, "a b c d") == 0.5);
  CHECK(score({"a", "a", "b"}, "a a b") == 1.0);
  CHECK(score({"a", "a", "b"}, "a b") < 0.5);
  CHECK(score({"a", "b"}, "") == 0.0);
}

TEST_CASE("OrderedWordsScorer refuses a sample without references, and names its version") {
  CHECK_THROWS_AS(score({}, "a"), InvalidArgument);
  CHECK(OrderedWordsScorer().name() == "ordered_words/1");
}

}  // namespace
}  // namespace dsabench
