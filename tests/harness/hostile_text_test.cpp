/// Names from outside stay text in every format, from the command line to the output.
#include <nlohmann/json.hpp>

#include "results/report/render.h"
#include "results/store/connection.h"
#include "tests/harness/cli_calls.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::CliResult;
using test::contains;
using test::ScratchFolder;

const std::string kEvil =
    "=cmd|' |calc'!A1 | <script>alert(1)<b> \"q\" ::error::pwned \x1b[31mred\x07 "
    "\xc2\x9b\xe2\x80\xae "
    "\n::error ::two\r '); DROP TABLE run;-- ]]> &amp; \xff\xfe \xf0\x9f\x98\x80";

const char* const kFormats[] = {"md", "csv", "json", "jsonl", "sql", "junit", "github"};

/// A config in a file of that name, and a run of it.
struct EvilRun {
  ScratchFolder folder;
  std::string db = folder / "runs.db", model = folder / (kEvil + ".json");

  EvilRun() {
    std::filesystem::copy_file(DSABENCH_TEST_DATA "/golden/glm_moe_dsa_tiny/config.json", model);
    const CliResult result =
        call_cli({"run", "--model", model, "--context", "16", "--phase", "prefill", "--min-samples",
                  "2", "--max-samples", "2", "--db", db, "--progress", "plain"});
    CAPTURE(result.err);
    REQUIRE(result.code == 0);
    check_terminal_safe(result.err);
  }

  static void check_terminal_safe(const std::string& text) {
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 && c != '\n' && c != '\r') FAIL_CHECK("control character in " << text);
      if (byte == 0x7f) FAIL_CHECK("DEL in " << text);
    }
    CHECK_FALSE(contains(text, "\xc2\x9b"));      // CSI of C1
    CHECK_FALSE(contains(text, "\xe2\x80\xae"));  // right-to-left override
  }
};

void check_format(const std::string& format, const std::string& text) {
  CAPTURE(format, text);
  EvilRun::check_terminal_safe(text);
  if (format == "json") {
    CHECK_FALSE(nlohmann::json::parse(text, nullptr, false).is_discarded());
  } else if (format == "jsonl") {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      CHECK_FALSE(nlohmann::json::parse(line, nullptr, false).is_discarded());
    }
  } else if (format == "sql") {
    SQLite::Database memory(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    memory.exec("CREATE TABLE run (x)");
    memory.exec(text);
    CHECK(memory.tableExists("run"));
  } else if (format == "md") {
    CHECK_FALSE(contains(text, "<script>"));
    CHECK_FALSE(contains(text, "\n::error"));
  } else if (format == "junit") {
    CHECK_FALSE(contains(text, "<script>"));
    CHECK_FALSE(contains(text, "]]>"));
  } else if (format == "csv") {
    CHECK_FALSE(contains(text, "\n=cmd"));
    CHECK_FALSE(contains(text, ",=cmd"));
    CHECK_FALSE(contains(text, "\"=cmd"));
  } else if (format == "github") {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("::")) CHECK_FALSE(contains(line.substr(2), "::error"));
      CHECK_FALSE(line.starts_with("::error ::two"));
    }
  }
}

TEST_CASE("hostile names stay text in every format of every verb") {
  const EvilRun run;
  for (const char* format : kFormats) {
    for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{
             {"list", "runs", "--db", run.db},
             {"resume", "last", "--db", run.db, "--progress", "off"},
             {"compare", "last", "last", "--db", run.db},
             {"run", "--model", run.model, "--context", "16", "--dry-run", "--db", run.db}}) {
      std::vector<std::string> arguments = verb;
      arguments.insert(arguments.end(), {"--format", format});
      const CliResult result = call_cli(arguments);
      CAPTURE(verb, result.err);
      CHECK(result.code == 0);
      CHECK_FALSE(result.out.empty());
      check_format(format, result.out);
      EvilRun::check_terminal_safe(result.err);
    }
  }
}

TEST_CASE("every verb takes every format, and an unknown one lists them") {
  const std::string golden = DSABENCH_TEST_DATA "/golden/glm_moe_dsa_tiny";
  for (const char* format : kFormats) {
    for (const std::vector<std::string>& verb :
         std::vector<std::vector<std::string>>{{"list", "models"},
                                               {"pattern", "--layers", "8", "--freq", "4"},
                                               {"verify", golden, "--golden", golden}}) {
      std::vector<std::string> arguments = verb;
      arguments.insert(arguments.end(), {"--format", format});
      const CliResult result = call_cli(arguments);
      CAPTURE(format, verb, result.err);
      CHECK(result.code == 0);
      check_format(format, result.out);
    }
  }
  const CliResult unknown = call_cli({"list", "models", "--format", "xml"});
  CHECK(unknown.code == 2);
  CHECK(test::is_error_line(unknown.err, table_format_names()));
}

TEST_CASE("hostile names stay text in jsonl progress and in errors") {
  const EvilRun run;
  const CliResult jsonl =
      call_cli({"run", "--model", run.model, "--context", "16", "--phase", "prefill",
                "--min-samples", "1", "--max-samples", "1", "--db", run.db, "--progress", "jsonl"});
  CHECK(jsonl.code == 0);
  EvilRun::check_terminal_safe(jsonl.err);
  const CliResult error = call_cli({"run", "--model", run.model + "x"});
  CHECK(error.code == 2);
  CHECK(test::is_error_line(error.err, "script"));
  EvilRun::check_terminal_safe(error.err);
}

}  // namespace
}  // namespace dsabench
