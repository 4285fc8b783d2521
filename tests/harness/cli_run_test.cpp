/// `run` and `demo` from the command line to the database and back.
#include <nlohmann/json.hpp>

#include "harness/cli/cli.h"
#include "results/report/table.h"
#include "tests/harness/cli_calls.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::CliResult;
using test::contains;
using test::ScratchFolder;
using test::with_tiny_model;

std::vector<std::string> quick_run(const ScratchFolder& folder,
                                   const std::vector<std::string>& more) {
  std::vector<std::string> arguments =
      with_tiny_model("run", {"--db", folder / "runs.db", "--context", "64", "--min-samples", "2",
                              "--max-samples", "2", "--decode-tokens", "3", "--progress", "plain"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST_CASE("the printed table is what the database holds") {
  const ScratchFolder folder;
  const CliResult result =
      call_cli(quick_run(folder, {"--retention", "1,1/3", "--format", "json"}));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const ResultStore store = ResultStore::open(folder / "runs.db", ResultStore::Mode::read_only);
  const RunResults results = store.load_run(store.list_runs().at(0).run_id);
  CHECK(render_json({speed_table(results)}) == result.out);
  CHECK(results.run.synthetic_weights);
  CHECK(contains(results.run.command_line, "dsabench run --model demo"));

  const auto rows = nlohmann::json::parse(result.out).at("tables").at(0).at("rows");
  REQUIRE(rows.size() == 2);
  for (const auto& row : rows) {
    CHECK(row.at("outcome") == "ok");
    CHECK(row.at("prefill_ms") > 0.0);
    CHECK(row.at("decode_tokens_per_s") > 0.0);
    CHECK(row.at("topk_overlap_queries") > 0.0);
    CHECK(row.at("expert_load") >= 1.0);
  }
  CHECK(rows[0].at("pattern") == "FFF");
  CHECK(rows[1].at("pattern") == "FSS");
  CHECK(rows[1].at("prefill_speedup") > 0.0);
  CHECK(contains(result.err, "[4/4]"));
  CHECK_FALSE(contains(result.out, "[4/4]"));
}

TEST_CASE("results go to a file and nothing to stdout") {
  const ScratchFolder folder;
  const CliResult result =
      call_cli(quick_run(folder, {"--phase", "prefill", "--output", folder / "table.md"}));
  CHECK(result.code == 0);
  CHECK(result.out.empty());
  CHECK(contains(test::read_text(folder / "table.md"), "## Speed"));
}

TEST_CASE("a dry run prints the cells and touches nothing") {
  const ScratchFolder folder;
  const CliResult result =
      call_cli(quick_run(folder, {"--retention", "1,1/3,1/4", "--dry-run", "--format", "json"}));
  REQUIRE(result.code == 0);
  const auto table = nlohmann::json::parse(result.out).at("tables").at(0);
  CHECK(table.at("rows").size() == 4);
  CHECK(contains(table.at("notes").dump(), "1/4"));
  CHECK(table.at("rows").at(0).at("cell_id").get<std::string>().size() == 32);
  CHECK_FALSE(std::filesystem::exists(folder / "runs.db"));
}

TEST_CASE("a dry run names the cells that a run then stores") {
  const ScratchFolder folder;
  const std::vector<std::string> axes = {"--retention", "1/3", "--format", "json"};
  std::vector<std::string> dry = quick_run(folder, axes);
  dry.push_back("--dry-run");
  const auto planned = nlohmann::json::parse(call_cli(dry).out).at("tables").at(0).at("rows");
  REQUIRE(call_cli(quick_run(folder, axes)).code == 0);
  const ResultStore store = ResultStore::open(folder / "runs.db", ResultStore::Mode::read_only);
  const RunResults results = store.load_run(store.list_runs().at(0).run_id);
  REQUIRE(results.plan.size() == planned.size());
  for (std::size_t i = 0; i < planned.size(); ++i) {
    CHECK(planned[i].at("cell_id") == results.plan[i].cell.cell_id);
  }
}

TEST_CASE("an engine that recomputes on Shared layers makes the run exit with 6") {
  const ScratchFolder folder;
  CliSeams seams = test::quick_seams();
  seams.engine_factory = [](const LoadedModel& model, const PlanEntry&) {
    return std::make_unique<Engine>(model.config, model.weights, LayerPattern::all_full(3),
                                    EngineOptions{});
  };
  const CliResult result = call_cli(quick_run(folder, {"--pattern", "FSS"}), seams);
  CHECK(result.code == 6);
  CHECK(contains(result.out, "layer 1 (Shared)"));
}

TEST_CASE("a cell that runs out of memory makes the run exit with 5, and the others are kept") {
  const ScratchFolder folder;
  CliSeams seams = test::quick_seams();
  seams.engine_factory = [](const LoadedModel& model, const PlanEntry& entry) {
    if (entry.cell.phase == Phase::decode) throw OutOfMemory("no 99 bytes", 99);
    return make_engine(model, entry);
  };
  const CliResult result = call_cli(quick_run(folder, {"--pattern", "FSS"}), seams);
  CHECK(result.code == 5);
  CHECK(contains(result.out, "out of memory: no 99 bytes"));
}

TEST_CASE("runs and patterns are listed from the database") {
  const ScratchFolder folder;
  REQUIRE(call_cli(quick_run(folder, {"--pattern", "FSF", "--phase", "prefill"})).code == 0);
  const CliResult runs = call_cli({"list", "runs", "--db", folder / "runs.db"});
  CHECK(runs.code == 0);
  CHECK(contains(runs.out, "--pattern FSF"));
  CHECK(contains(runs.out, "done"));
  const CliResult patterns =
      call_cli({"list", "patterns", "--db", folder / "runs.db", "--format", "json"});
  CHECK(patterns.code == 0);
  const auto row = nlohmann::json::parse(patterns.out).at("tables").at(0).at("rows").at(0);
  CHECK(row.at("pattern") == "FSF");
  CHECK(row.at("full_layers") == 2);
}

TEST_CASE("a text suite on a model without a tokenizer is refused") {
  const ScratchFolder folder;
  const CliResult result = call_cli(
      {"run", "--model", DSABENCH_TEST_DATA "/golden/glm_moe_dsa_tiny", "--suite", "ruler-synth",
       "--context", "128", "--db", folder / "runs.db", "--progress", "off"});
  CAPTURE(result.err);
  CHECK(result.code == 2);
}

TEST_CASE("the demo shows times of generated weights and answers of the built-in model") {
  const ScratchFolder folder;
  const CliResult result = call_cli(
      with_tiny_model("demo", {"--db", folder / "demo.db", "--context", "64", "--retention",
                               "1,1/2", "--samples-per-task", "1", "--progress", "plain"}));
  CAPTURE(result.err);
  CHECK(result.code == 0);
  CHECK(result.err.starts_with("Times are of"));
  CHECK(contains(result.out, "## Speed"));
  CHECK(contains(result.out, "accuracy is chance"));
  CHECK(contains(result.out, "## Quality of patterns that nothing was trained for"));
  for (const char* kind : {"| DSA ", "| uniform ", "| searched "}) {
    INFO(kind);
    CHECK(contains(result.out, kind));
  }
  CHECK_FALSE(contains(result.out, "| searched   |       1/4"));  // not asked for
  CHECK(contains(result.err, folder / "demo.db"));
}

}  // namespace
}  // namespace dsabench
