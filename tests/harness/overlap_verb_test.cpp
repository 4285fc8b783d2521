/// `overlap` from the command line, and its tables against a matrix that is known.
#include <cmath>
#include <nlohmann/json.hpp>
#include <variant>

#include "harness/run/overlap_tables.h"
#include "results/maintenance.h"
#include "results/overlap_record.h"
#include "results/store.h"
#include "tests/harness/cli_calls.h"
#include "tests/support/catch.h"
#include "tests/support/scratch_folder.h"

namespace dsabench {
namespace {

using nlohmann::json;
using test::call_cli;
using test::CliResult;
using test::contains;
using test::is_error_line;

/// Where they are stored: what is printed does not depend on what is there already.
const std::string& database() {
  static const test::ScratchFolder folder;
  static const std::string path = folder / "overlap.db";
  return path;
}

std::vector<std::string> quick_overlap(const std::vector<std::string>& more) {
  std::vector<std::string> arguments = test::with_tiny_model(
      "overlap", {"--suite", "facts-compact", "--tasks", "kv", "--context", "512", "--chunk", "100",
                  "--progress", "plain", "--db", database()});
  return test::replaced(std::move(arguments), more);
}

TEST_CASE("an overlap is stored as a run of its own, with the matrix that was printed") {
  const test::ScratchFolder folder;
  const std::string path = folder / "a.db";
  const CliResult result = call_cli(quick_overlap({"--format", "json", "--db", path}));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const ResultStore store = ResultStore::open(path, ResultStore::Mode::read_only);
  const std::vector<RunRecord> runs = store.list_runs();
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].status == kOverlapStatus);
  const RunResults stored = store.load_run(runs[0].run_id);
  REQUIRE(stored.plan.size() == 1);
  CHECK(stored.plan[0].cell.pattern == "FFF");
  CHECK(stored.plan[0].cell.suite == "facts-compact");
  CHECK(stored.plan[0].cell.context_tokens == 512);
  REQUIRE(stored.trials.size() == 1);
  const std::vector<std::int64_t>& matrix = metric_values(stored.trials[0], kOverlapMatrix);
  REQUIRE(matrix.size() == 9);
  const json rows = json::parse(result.out).at("tables")[0].at("rows");
  for (std::size_t a = 0; a < 3; ++a) {
    for (std::size_t b = 0; b < 3; ++b) {
      const double printed = rows[a].at("layer_" + std::to_string(b));
      CHECK(std::abs(static_cast<double>(matrix[3 * a + b]) / 1e6 - printed) <= 1e-6);
    }
  }
  CHECK(check_database(path).clean());
  // It is no measurement: nothing takes it for the last one.
  CHECK(call_cli({"compare", "last", "last", "--db", path}).code == 2);
}

TEST_CASE("the matrix of shared indices is symmetric, whole, and between chance and one") {
  const CliResult result =
      call_cli(quick_overlap({"--format", "json", "--pattern", "FSS,FFF", "--threshold", "1"}));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const json tables = json::parse(result.out).at("tables");
  REQUIRE(tables.size() == 3);
  const json& rows = tables[0].at("rows");
  REQUIRE(rows.size() == 3);
  const auto at = [&](std::size_t a, std::size_t b) {
    return rows[a].at("layer_" + std::to_string(b)).get<double>();
  };
  for (std::size_t a = 0; a < 3; ++a) {
    CHECK(rows[a].at("layer") == a);
    CHECK(std::abs(at(a, a) - 1.0) <= 1e-12);
    for (std::size_t b = 0; b < 3; ++b) {
      CHECK(std::abs(at(a, b) - at(b, a)) <= 1e-12);
      CHECK(at(a, b) >= 0.0);
      CHECK(at(a, b) <= 1.0 + 1e-12);
    }
  }
  CHECK(contains(tables[0].at("notes").dump(), "synthetic"));
  const json& blocks = tables[2].at("rows");
  REQUIRE(blocks.size() == 2);
  const double kept = blocks[0].at("kept");
  CHECK(std::abs(kept - (at(0, 1) + at(0, 2)) / 2.0) <= 1e-12);
  CHECK(blocks[1].at("kept") == 1.0);
  CHECK(call_cli(quick_overlap({"--format", "json", "--pattern", "FSS,FFF", "--threshold", "1"}))
            .out == result.out);
  for (const char* format : {"md", "csv", "jsonl", "sql", "junit", "github"}) {
    CAPTURE(format);
    const CliResult other = call_cli(quick_overlap({"--format", format}));
    CHECK(other.code == 0);
    CHECK((std::string(format) == "github" || !other.out.empty()));
  }
}

std::vector<std::string> texts(const Table& table, const std::string& key) {
  std::vector<std::string> found;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    if (table.columns[c].key != key) continue;
    for (const auto& row : table.rows) found.push_back(std::get<std::string>(row[c]));
  }
  return found;
}

TEST_CASE("clusters and how the blocks of a pattern differ from them") {
  // Layers 0 1 2 in a chain, 3 alone, 4 with 0.
  OverlapSummary summary;
  summary.sampled_pairs = 7;
  summary.full_layers = {0, 1, 2, 3, 4};
  summary.layer_matrix.assign(25, 0.25);
  const auto set = [&](std::size_t a, std::size_t b, double value) {
    summary.layer_matrix[a * 5 + b] = summary.layer_matrix[b * 5 + a] = value;
  };
  for (std::size_t l = 0; l < 5; ++l) set(l, l, 1.0);
  set(0, 1, 0.75);
  set(1, 2, 0.75);
  set(0, 4, 0.75);
  const std::vector<PatternChoice> patterns{{LayerPattern::from_letters("FSFSF"), "given", "", ""}};
  const auto tables = overlap_tables(summary, patterns, {"m", "s", 100, 16, 0.75, false});
  REQUIRE(tables.size() == 3);
  CHECK(texts(tables[1], "layers") == std::vector<std::string>{"0-2, 4", "3"});
  // Blocks 0 1 | 2 3 | 4: 2 is Full within a cluster, 3 takes from another.
  CHECK(texts(tables[2], "parted") == std::vector<std::string>{"2"});
  CHECK(texts(tables[2], "joined") == std::vector<std::string>{"3"});
  const auto number = [&](const std::string& key) {
    for (std::size_t c = 0; c < tables[2].columns.size(); ++c) {
      if (tables[2].columns[c].key == key) return std::get<double>(tables[2].rows[0][c]);
    }
    return -1.0;
  };
  CHECK(number("kept") == 0.5);
  // Of ten pairs they agree on 0-1, and on 0-3, 1-3, 3-4 as apart.
  CHECK(number("rand_index") == 0.4);
}

TEST_CASE("overlap refuses what it cannot do, with exit code 2") {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--suite", "speed"}, "speed"},       {{"--context", "32"}, "above twice the 16"},
      {{"--context", "1Mi"}, "1048576"},     {{"--pattern", "FS"}, "FS"},
      {{"--pattern", "published"}, "3"},     {{"--pairs", "0"}, "--pairs"},
      {{"--threshold", "2"}, "--threshold"}, {{"--chunk", "x"}, "--chunk"},
      {{"--device", "cuda:all"}, "cuda:all"}};
  for (const auto& [more, part] : cases) {
    CAPTURE(more);
    const CliResult result = call_cli(quick_overlap(more));
    CHECK(result.code == 2);
    CHECK(is_error_line(result.err, part));
    CHECK(result.out.empty());
  }
  CHECK(contains(call_cli({"overlap"}).err, "--model"));
  CHECK(call_cli(quick_overlap({"--chunk", "1"})).code == 2);  // never two rows in a pass
}

}  // namespace
}  // namespace dsabench
