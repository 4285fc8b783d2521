#include <cmath>
#include <nlohmann/json.hpp>

#include "results/identity.h"
#include "results/store.h"
#include "tests/harness/cli_calls.h"
#include "tests/support/catch.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::CliResult;
using test::contains;
using test::ScratchFolder;

/// Two patterns of the miniature at one context: two cells.
std::string measure(const std::string& db) {
  const CliResult run = call_cli(test::with_tiny_model(
      "run", {"--db", db, "--context", "64", "--phase", "prefill", "--pattern", "FFF,FSS",
              "--min-samples", "2", "--max-samples", "2", "--progress", "off"}));
  CAPTURE(run.err);
  REQUIRE(run.code == 0);
  return ResultStore::open(db, ResultStore::Mode::read_only).list_runs().front().run_id;
}

/// Writes a run once more, as if made on another machine by another build.
std::string copy_elsewhere(const std::string& db, const std::string& run_id) {
  ResultStore store = ResultStore::open(db, ResultStore::Mode::read_write);
  RunResults results = store.load_run(run_id);
  RunRecord& run = results.run;
  run.run_id = new_run_id();
  run.started_ms += 1000;
  run.machine_json = R"({"cpu_model":"Elsewhere CPU"})";
  run.machine_id = content_hash(run.machine_json);
  run.build_json = R"({"git_commit":"0123456789abcdef"})";
  run.build_id = content_hash(run.build_json);
  store.add_run(run, results.plan);
  for (TrialRecord& trial : results.trials) {
    trial.run_id = run.run_id;
    for (MetricSamples& metric : trial.metrics) {
      if (metric.unit != "ns") continue;
      for (std::int64_t& value : metric.values) value *= 2;
    }
    store.add_trial(trial);
  }
  return run.run_id;
}

nlohmann::json speed_rows(const std::vector<std::string>& arguments) {
  std::vector<std::string> all{"compare"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  all.insert(all.end(), {"--format", "json"});
  const CliResult result = call_cli(all);
  CAPTURE(arguments, result.err);
  REQUIRE(result.code == 0);
  CHECK(result.err.empty());
  return nlohmann::json::parse(result.out).at("tables").at(0).at("rows");
}

TEST_CASE("compare --by puts measured runs side by side, named or all of a database") {
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  const std::string here = measure(db), elsewhere = copy_elsewhere(db, here);

  const auto patterns = speed_rows({"--by", "pattern", here, "--db", db});
  REQUIRE(patterns.size() == 2);
  CHECK(patterns[0].at("group") == "FFF");
  CHECK(patterns[0].at("ratio") == 1.0);
  CHECK(patterns[1].at("group") == "FSS");
  const double ratio =
      patterns[1].at("median_ms").get<double>() / patterns[0].at("median_ms").get<double>();
  CHECK(std::abs(patterns[1].at("ratio").get<double>() - ratio) <= 1e-12 * ratio);
  // On each machine for itself, whether named or not.
  CHECK(speed_rows({"--by", "pattern", "--db", db}).size() == 4);

  // Oldest first, unless runs are named: then the first named.
  for (const bool turned : {false, true}) {
    auto arguments = turned ? std::vector<std::string>{"last", here} : std::vector<std::string>{};
    arguments.insert(arguments.end(), {"--by", "device", "--db", db});
    const auto devices = speed_rows(arguments);
    REQUIRE(devices.size() == 4);
    CHECK((devices[0].at("run") == here) == !turned);
    CHECK(devices[turned ? 0 : 1].at("group") == "Elsewhere CPU");
    CHECK(devices[1].at("ratio") == (turned ? 0.5 : 2.0));
    CHECK(devices[turned ? 0 : 1].at("run") == elsewhere);
  }
  // The same run twice is one.
  CHECK(speed_rows({"--by", "pattern", here, here, "--db", db}).size() == 2);

  const CliResult table = call_cli({"compare", "--by", "device", "--db", db});
  CHECK(contains(table.out, "across machines there is no verdict"));
  CHECK(contains(table.out, "Elsewhere CPU"));
}

TEST_CASE("compare says what it cannot put side by side, with exit code 2") {
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  const std::string here = measure(db);
  const auto message = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "compare");
    arguments.insert(arguments.end(), {"--db", db});
    const CliResult result = call_cli(arguments);
    CHECK(result.code == 2);
    CHECK(result.out.empty());
    return result.err;
  };
  CHECK(contains(message({"--by", "colour"}),
                 "--by: expected device, commit, pattern, model, got 'colour'"));
  CHECK(contains(message({"--by", "device"}), "all cells are of one device"));
  CHECK(contains(message({"--by", "commit", "last"}), "all cells are of one commit"));
  CHECK(contains(message({"--by", "model", "last"}), "all cells are of one model: demo"));
  CHECK(contains(message({"--by", "pattern", "last~7"}), "last~7"));
  CHECK(contains(message({"--by", "pattern", "last", "--ignore", "colour"}), "colour"));
  CHECK(contains(message({}), "expected two runs, BASE and CANDIDATE, got 0"));
  CHECK(contains(message({"last"}), "got 1; with --by any number"));
  CHECK(contains(message({"last", "last", "last"}), "got 3"));
  CHECK(call_cli({"compare", "last", here, "--db", db}).code == 0);
}

}  // namespace
}  // namespace dsabench
