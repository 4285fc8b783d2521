/// The example at the end of every --help is a command that works.
#include <filesystem>

#include "tests/harness/cli_calls.h"

namespace dsabench {
namespace {

/// Runs in a scratch folder that sees the repository's tests, as a checkout does.
class InScratchCheckout {
 public:
  InScratchCheckout() : before_(std::filesystem::current_path()) {
    std::filesystem::create_directory_symlink(DSABENCH_TEST_DATA, folder_ / "tests");
    std::filesystem::current_path(folder_.path());
  }
  ~InScratchCheckout() {
    std::error_code ignored;
    std::filesystem::current_path(before_, ignored);
  }

 private:
  test::ScratchFolder folder_;
  std::filesystem::path before_;
};

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

/// The line after "Example:", without "dsabench".
std::vector<std::string> example_in(const std::string& help) {
  const std::size_t at = help.rfind("Example:\n");
  REQUIRE(at != std::string::npos);
  const std::size_t begin = at + std::string("Example:\n").size();
  std::vector<std::string> words = words_of(help.substr(begin, help.find('\n', begin) - begin));
  REQUIRE(words.size() > 1);
  CHECK(words.front() == "dsabench");
  words.erase(words.begin());
  return words;
}

/// Two runs in dsabench.db, their export, and the first as a baseline.
void make_results() {
  for (int i = 0; i < 2; ++i) {
    REQUIRE(
        test::call_cli(test::with_tiny_model("run", {"--context", "64", "--phase", "prefill",
                                                     "--max-samples", "5", "--progress", "off"}))
            .code == 0);
  }
  REQUIRE(test::call_cli({"db", "export", "results.jsonl"}).code == 0);
  REQUIRE(test::call_cli({"baseline", "promote", "main", "last~1"}).code == 0);
}

void check_example(const std::vector<std::string>& help_arguments, bool needs_results = false) {
  const InScratchCheckout checkout;
  if (needs_results) make_results();
  const test::CliResult help = test::call_cli(help_arguments);
  CHECK(help.code == 0);
  CHECK(help.err.empty());
  CliSeams seams = test::quick_seams();
  seams.program = DSABENCH_PROGRAM;
  const test::CliResult result = test::call_cli(example_in(help.out), seams);
  CAPTURE(help_arguments, result.err);
  // A comparison says what it measured: of patterns that hardly differ, anything.
  const bool measures_noise =
      help_arguments[0] == "ab" || help_arguments[0] == "calibrate" || help_arguments[0] == "gate";
  CHECK((result.code == 0 ||
         (measures_noise && (result.code == 1 || result.code == 3 || result.code == 4))));
  if (help_arguments.size() < 2 || help_arguments[1] != "export") CHECK_FALSE(result.out.empty());
}

TEST_CASE("the example of dsabench --help works") { check_example({"--help"}); }
TEST_CASE("the example of demo --help works") { check_example({"demo", "--help"}); }
TEST_CASE("the example of run --help works") { check_example({"run", "--help"}); }
TEST_CASE("the example of reproduce --help works") { check_example({"reproduce", "--help"}); }
TEST_CASE("the example of profile --help works") { check_example({"profile", "--help"}); }
TEST_CASE("the example of search --help works") { check_example({"search", "--help"}); }
TEST_CASE("the example of overlap --help works") { check_example({"overlap", "--help"}); }
TEST_CASE("the example of ab --help works") { check_example({"ab", "--help"}); }
TEST_CASE("the example of calibrate --help works") { check_example({"calibrate", "--help"}); }
TEST_CASE("the example of verify --help works") { check_example({"verify", "--help"}); }
TEST_CASE("the example of pattern --help works") { check_example({"pattern", "--help"}); }
TEST_CASE("the example of list --help works") { check_example({"list", "--help"}); }
TEST_CASE("the examples of verbs on results work") {
  check_example({"resume", "--help"}, true);
  check_example({"compare", "--help"}, true);
  check_example({"gate", "--help"}, true);
  check_example({"baseline", "--help"}, true);
  for (const char* verb : {"promote", "list", "retire"}) {
    check_example({"baseline", verb, "--help"}, true);
  }
  check_example({"report", "--help"}, true);
  check_example({"db", "--help"}, true);
  for (const char* verb : {"check", "migrate", "export", "import"}) {
    check_example({"db", verb, "--help"}, true);
  }
}

/// Names under "Subcommands:".
std::vector<std::string> verbs_in(const std::string& help) {
  std::vector<std::string> verbs;
  std::istringstream lines(help.substr(help.find("Subcommands:\n")));
  std::string line;
  for (std::getline(lines, line); std::getline(lines, line) && !line.empty();) {
    verbs.push_back(words_of(line).front());
  }
  return verbs;
}

TEST_CASE("every verb has a --help with an example of itself, and a test above that runs it") {
  const std::vector<std::string> tested = {
      "demo",     "run",    "reproduce", "resume", "profile",   "search",
      "overlap",  "verify", "pattern",   "ab",     "calibrate", "gate",
      "baseline", "report", "compare",   "list",   "db"};
  CHECK(verbs_in(test::call_cli({"--help"}).out) == tested);
  CHECK(verbs_in(test::call_cli({"db", "--help"}).out) ==
        std::vector<std::string>{"check", "migrate", "export", "import"});
  CHECK(verbs_in(test::call_cli({"baseline", "--help"}).out) ==
        std::vector<std::string>{"promote", "list", "retire"});
  for (const std::string& verb : tested) {
    CAPTURE(verb);
    const test::CliResult help = test::call_cli({verb, "--help"});
    CHECK(help.code == 0);
    CHECK(example_in(help.out).front() == verb);
  }
}

}  // namespace
}  // namespace dsabench
