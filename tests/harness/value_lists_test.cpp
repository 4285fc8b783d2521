#include "harness/plan/value_lists.h"

#include <fmt/format.h>

#include "kernels/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"

namespace dsabench {
namespace {

using test::contains;
using test::message_of;
using Counts = std::vector<std::int64_t>;

std::string list_refusal(const std::string& text) {
  return message_of<InvalidArgument>([&] { parse_counts("--context", text); });
}

TEST_CASE("K is 1000 and Ki is 1024") {
  CHECK(parse_count("--context", "16384") == 16384);
  CHECK(parse_count("--context", "4k") == 4000);
  CHECK(parse_count("--context", "200K") == 200000);
  CHECK(parse_count("--context", "8Ki") == 8192);
  CHECK(parse_count("--context", "1M") == 1000000);
  CHECK(parse_count("--context", "1Mi") == 1048576);
}

TEST_CASE("lists keep their order and ranges include the ends that they meet") {
  CHECK(parse_counts("--context", "4k,8Ki, 16384") == Counts{4000, 8192, 16384});
  CHECK(parse_counts("--context", "1k-4k+1k") == Counts{1000, 2000, 3000, 4000});
  CHECK(parse_counts("--context", "1k-4500+1k") == Counts{1000, 2000, 3000, 4000});
  CHECK(parse_counts("--context", "1Ki-8Ki*2,7") == Counts{1024, 2048, 4096, 8192, 7});
  CHECK(parse_counts("--context", "5-5+1") == Counts{5});
}

TEST_CASE("a wrong value is named with its option") {
  for (const char* text :
       {"", ",", "4k,", "0", "-4", "4x", "4KB", "k", "1.5k", "2147483648", "3M4",
        "9999999999999999999", "3000M", "1-4", "4-1+1", "1-8*1", "1-+1", "1-8+"}) {
    CAPTURE(text);
    const std::string message = list_refusal(text);
    CHECK(contains(message, "--context"));
    const std::string value = std::string(text);
    const bool names_value = contains(message, "'" + value) || contains(message, value);
    CHECK(names_value);
  }
  CHECK(contains(list_refusal("1-100000+1"), "at most 4096"));
}

TEST_CASE("layers are numbers and ranges, ascending, each once, with layer 0") {
  CHECK(parse_layers("--layers", "0") == Counts{0});
  CHECK(parse_layers("--layers", "0,3-6") == Counts{0, 3, 4, 5, 6});
  CHECK(parse_layers("--layers", "0-2, 5-5") == Counts{0, 1, 2, 5});
  const std::vector<std::pair<const char*, const char*>> refused = {
      {"", "empty"},
      {"0,,3", "empty"},
      {"0,x", "such as 0,3-6"},
      {"0,-3", "such as 0,3-6"},
      {"0,3-", "such as 0,3-6"},
      {"0,6-3", "ascending"},
      {"0,3-6+1", "such as 0,3-6"},
      {"0,1.5", "such as 0,3-6"},
      {"0,99999999999999999999", "such as 0,3-6"},
      {"0-16000,16001-16200,0-16000", "such as 0,3-6"},
      {"0,3,3", "layer 3 is there twice"},
      {"0,2-4,4", "layer 4 is there twice"},
      {"0,5,2", "5 comes before 2"},
      {"0,2-4,3", "4 comes before 3"},
      {"3-6", "layer 0 among them"}};
  for (const auto& [text, reason] : refused) {
    CAPTURE(text);
    const std::string message =
        message_of<InvalidArgument>([&, text = text] { parse_layers("--layers", text); });
    CHECK(contains(message, "--layers: expected"));
    CHECK(contains(message, reason));
    CHECK(contains(message, fmt::format("'{}'", text)));
  }
}

TEST_CASE("lists of names refuse empty items") {
  CHECK(parse_list("--suite", "a, b") == std::vector<std::string>{"a", "b"});
  CHECK(contains(message_of<InvalidArgument>([] { parse_list("--suite", "a,,b"); }), "--suite"));
}

}  // namespace
}  // namespace dsabench
