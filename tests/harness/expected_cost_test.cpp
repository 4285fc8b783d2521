#include "harness/run/expected_cost.h"

#include <nlohmann/json.hpp>

#include "harness/plan/work_estimate.h"
#include "harness/run/environment.h"
#include "results/identity.h"
#include "results/store/connection.h"
#include "tests/harness/cli_calls.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::contains;
using test::ScratchFolder;

std::vector<std::string> arguments(const std::string& db, const std::string& contexts,
                                   const std::vector<std::string>& more) {
  std::vector<std::string> all = test::with_tiny_model(
      "run", {"--db", db, "--context", contexts, "--phase", "prefill", "--retention", "1",
              "--min-samples", "2", "--max-samples", "2", "--progress", "off", "--format", "json"});
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

nlohmann::json dry_run(const std::string& db, const std::string& contexts,
                       const std::vector<std::string>& more = {}) {
  std::vector<std::string> all = arguments(db, contexts, more);
  all.push_back("--dry-run");
  const test::CliResult result = call_cli(all);
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  return nlohmann::json::parse(result.out).at("tables").at(0);
}

TEST_CASE("expected cost comes from earlier trials, else is scaled, else is said to be unknown") {
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  nlohmann::json table = dry_run(db, "64");
  CHECK(table.at("rows").at(0).at("expected_s").is_null());
  CHECK(contains(table.at("notes").dump(), "unknown"));
  CHECK_FALSE(std::filesystem::exists(db));

  REQUIRE(call_cli(arguments(db, "64", {"--repeat", "2"})).code == 0);
  SQLite::Database raw(db, SQLite::OPEN_READWRITE);
  raw.exec("UPDATE trial SET started_ms = 1000, finished_ms = 3500 WHERE repeat = 0");
  raw.exec("UPDATE trial SET started_ms = 1000, finished_ms = 1500 WHERE repeat = 1");
  // Two samples, three warm-ups and what is verified: 0.3 s of each trial.
  raw.exec("UPDATE trial SET num_warmups = 3");
  raw.exec(
      "UPDATE sample SET value = 50000000 WHERE metric_id IN "
      "(SELECT metric_id FROM metric WHERE name = 'prefill')");
  table = dry_run(db, "64,128", {"--repeat", "3"});
  const auto& rows = table.at("rows");
  CHECK(rows[0].at("expected_s") == 4.5);  // 3 times the mean of 2.5 s and 0.5 s
  CHECK(rows[0].at("expected_from") == "2 trials");
  const double ratio = rows[1].at("gflop").get<double>() / rows[0].at("gflop").get<double>();
  CHECK(ratio > 1.5);
  const double longer = 3 * (1.5 - 0.3 + 0.3 * ratio);
  CHECK(std::abs(rows[1].at("expected_s").get<double>() - longer) < 1e-9);
  CHECK(contains(rows[1].at("expected_from"), "scaled from"));
  CHECK(contains(table.at("notes").dump(), fmt::format("in all: {:.1f} s", 4.5 + longer)));

  // Of another build there is a time, but this build's own is better.
  const auto build = build_identity();
  raw.exec("UPDATE run SET build_id = 'other'");
  CHECK(dry_run(db, "64").at("rows").at(0).at("expected_from") == "2 trials of other builds");
  REQUIRE(call_cli(arguments(db, "64", {})).code == 0);
  CHECK(dry_run(db, "64").at("rows").at(0).at("expected_from") == "1 trial");
  // Of another machine there is none.
  raw.exec("UPDATE run SET machine_id = 'other'");
  CHECK(dry_run(db, "64").at("rows").at(0).at("expected_s").is_null());
  // Failed trials cost what they cost, and say nothing.
  raw.exec("UPDATE run SET machine_id = '" + machine_identity().id + "'");
  raw.exec("UPDATE trial SET outcome = 'failed'");
  CHECK(dry_run(db, "64").at("rows").at(0).at("expected_s").is_null());
}

TEST_CASE("of a decode trial its steps and its prompts are scaled") {
  const ModelConfig config = resolve_model_config(test::tiny_request());
  Cell prefill;
  prefill.suite = "speed";
  prefill.phase = Phase::prefill;
  prefill.pattern = std::string(std::size_t(config.num_layers), 'F');
  prefill.context_tokens = 100;
  Cell decode = prefill, longer = prefill;
  decode.phase = longer.phase = Phase::decode;
  decode.decode_tokens = longer.decode_tokens = 4;
  longer.context_tokens = 1000;
  const double scale = estimate_trial_flops(config, longer) / estimate_trial_flops(config, decode);
  CHECK(scale > 9);

  CostHistory history(config);
  history.add(decode, {10.0, 0.01, 50});
  // Who knows what the prompt took: all of it is scaled.
  CHECK(history.of(longer).seconds.value_or(0) == Approx(10 * scale));
  history.add(prefill, {30.0, 2.0, 5});
  CHECK(history.of(longer).seconds.value_or(0) == Approx(10 - 2.5 + 2.5 * scale));
  prefill.context_tokens = 1000;
  CHECK(history.of(prefill).seconds.value_or(0) > 20 + 9 * 10);
  // More than the whole is not scaled.
  CostHistory odd(config);
  odd.add(prefill, {30.0, 7.0, 5});
  prefill.context_tokens = 100;
  const double back = odd.of(prefill).seconds.value_or(-1);
  CHECK(back > 0);
  CHECK(back < 30.0 / 9);
}

TEST_CASE("no time is scaled from another device kind or dtype") {
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  REQUIRE(call_cli(arguments(db, "64", {})).code == 0);
  const ResultStore store = ResultStore::open(db, ResultStore::Mode::read_only);
  const ModelConfig config = resolve_model_config(test::tiny_request());
  const CostHistory history(store, machine_identity().id, build_identity().id, config);
  const RunProgress run = store.load_progress(store.list_runs().at(0).run_id);
  Cell cell = parse_canonical_cell(run.plan.at(0).cell.canonical_json);
  CHECK(history.of(cell).basis == "1 trial");
  cell.context_tokens = 128;
  CHECK(history.of(cell).seconds);
  Cell on_gpu = cell, in_bf16 = cell;
  on_gpu.device_kind = "cuda";
  in_bf16.dtype = "bf16";
  for (const Cell& other : {on_gpu, in_bf16}) {
    CHECK_FALSE(history.of(other).seconds);
    CHECK(history.of(other).basis == "no earlier trial");
  }
}

}  // namespace
}  // namespace dsabench
