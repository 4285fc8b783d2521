/// `report` from the command line; the page itself is tested in tests/results and
/// tests/report_page.
#include <filesystem>

#include "results/store.h"
#include "tests/harness/cli_calls.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::CliResult;
using test::contains;
using test::is_error_line;

CliResult measure(const std::string& db, const std::string& context) {
  return call_cli(test::with_tiny_model(
      "run", {"--context", context, "--retention", "1,1/3", "--phase", "prefill", "--max-samples",
              "5", "--progress", "off", "--db", db}));
}

TEST_CASE("report writes one page of the newest runs, or of those named") {
  const test::ScratchFolder folder;
  const std::string db = folder / "a.db", page = folder / "page.html";
  REQUIRE(measure(db, "64").code == 0);
  REQUIRE(measure(db, "96").code == 0);
  const std::string newest =
      ResultStore::open(db, ResultStore::Mode::read_only).list_runs().front().run_id;

  const CliResult all = call_cli({"report", "--db", db, "--output", page});
  CAPTURE(all.err);
  CHECK(all.code == 0);
  CHECK(contains(all.out, "page.html: 2 runs"));
  const std::string text = test::read_text(page);
  CHECK(text.starts_with("<!DOCTYPE html>"));
  CHECK(contains(text, newest));
  CHECK(contains(text, "default-src 'none'"));

  for (const std::string& name : {std::string("last"), newest, newest.substr(0, 30)}) {
    const CliResult one = call_cli({"report", name, "--db", db, "--output", page});
    CAPTURE(one.err);
    CHECK(one.code == 0);
    CHECK(contains(one.out, "1 runs"));
  }
  // Twice the same is once.
  CHECK(contains(call_cli({"report", "last", newest, "--db", db, "--output", page}).out, "1 runs"));
}

TEST_CASE("report refuses what it cannot show, and then writes nothing") {
  const test::ScratchFolder folder;
  const std::string db = folder / "a.db", page = folder / "page.html";
  const auto refused = [&](const std::vector<std::string>& arguments, int code,
                           const std::string& part) {
    const CliResult result = call_cli(arguments);
    CAPTURE(result.err);
    CHECK(result.code == code);
    CHECK(result.out.empty());
    CHECK(is_error_line(result.err, part));
    CHECK_FALSE(std::filesystem::exists(page));
  };
  refused({"report", "--db", db, "--output", page}, 8, "a.db");
  REQUIRE(measure(db, "64").code == 0);
  refused({"report", "none", "--db", db, "--output", page}, 2, "none");
  refused({"report", "last~7", "--db", db, "--output", page}, 2, "last~7");
  refused({"report", "--db", db, "--output", folder / "no/page.html"}, 2, "--output");
  { ResultStore::open(folder / "empty.db", ResultStore::Mode::read_write); }
  refused({"report", "--db", folder / "empty.db", "--output", page}, 2, "no run with results");
}

}  // namespace
}  // namespace dsabench
