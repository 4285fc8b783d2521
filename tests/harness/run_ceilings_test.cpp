/// Ceilings measured in a run, and what is made of them.
#include "harness/profile/run_ceilings.h"

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

#include "harness/plan/work_estimate.h"
#include "tests/harness/cli_calls.h"
#include "tests/harness/stored_runs.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::CliResult;
using test::contains;
using test::ScratchFolder;

std::vector<std::string> run_with_ceilings(const ScratchFolder& folder,
                                           const std::vector<std::string>& more) {
  std::vector<std::string> arguments =
      test::with_tiny_model("run", {"--db", folder / "runs.db", "--min-samples", "2",
                                    "--max-samples", "2", "--progress", "plain"});
  std::erase(arguments, "--no-ceilings");
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// Counts how often the ceilings are measured.
CliSeams counting_seams(int& calls) {
  CliSeams seams;
  seams.measure_ceilings = [&calls](Device device) {
    ++calls;
    CHECK(device.is_cpu());
    return std::vector<Ceiling>{{.name = "matrix_f32",
                                 .unit = "FLOP",
                                 .work = 2'000'000'000,
                                 .nanoseconds = 1'000'000,
                                 .note = "by hand"},
                                {.name = "copy", .unit = "bytes", .note = "not measured: no copy"}};
  };
  return seams;
}

TEST_CASE("ceilings are measured once, stored, and printed below the speeds") {
  const ScratchFolder folder;
  int calls = 0;
  const CliResult result = call_cli(
      run_with_ceilings(folder, {"--context", "64,96", "--retention", "1", "--format", "json"}),
      counting_seams(calls));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  CHECK(calls == 1);
  CHECK(contains(result.err, "ceilings: matrix_f32 2 TFLOP/s, copy not measured: no copy"));
  const RunResults results = test::last_run(folder / "runs.db");
  REQUIRE(results.run.ceilings.size() == 2);
  CHECK(results.run.ceilings[0].name == "copy");
  CHECK(results.run.ceilings[0].nanoseconds == 0);
  CHECK(results.run.ceilings[1].continuation == -1);
  CHECK(results.run.ceilings[1].work == 2'000'000'000);

  const auto tables = nlohmann::json::parse(result.out).at("tables");
  REQUIRE(tables.size() == 2);
  CHECK(contains(tables[1].at("title"), "Ceilings"));
  CHECK(tables[1].at("rows").at(0).at("rate").is_null());
  CHECK(tables[1].at("rows").at(1).at("rate") == 2e12);
  // 2 FLOP a ps: what the declared work would take, as a share of what it took.
  const auto row = tables[0].at("rows").at(0);
  for (const TrialRecord& trial : results.trials) {
    if (trial.cell_id != results.plan[0].cell.cell_id) continue;
    const auto work = std::find_if(trial.metrics.begin(), trial.metrics.end(),
                                   [](const auto& metric) { return metric.name == "matrix_work"; });
    REQUIRE(work != trial.metrics.end());
    const double percent =
        100.0 * double(work->values.at(0)) / 2e12 / (row.at("prefill_ms").get<double>() * 1e-3);
    CHECK(percent > 0);
    CHECK(std::abs(row.at("prefill_matrix_percent").get<double>() - percent) <= 1e-9 * percent);
  }
}

TEST_CASE("a run that is gone on with has the ceilings of each of its processes") {
  const ScratchFolder folder;
  int calls = 0;
  CliSeams seams = counting_seams(calls);
  seams.engine_factory = [](const LoadedModel& model, const PlanEntry& entry) {
    std::raise(SIGINT);
    return make_engine(model, entry);
  };
  REQUIRE(
      call_cli(run_with_ceilings(folder, {"--context", "64", "--retention", "1"}), seams).code ==
      130);
  CHECK(calls == 1);
  const CliResult resumed =
      call_cli({"resume", "last", "--db", folder / "runs.db"}, counting_seams(calls));
  CAPTURE(resumed.err);
  REQUIRE(resumed.code == 0);
  CHECK(calls == 2);
  const RunRecord run = test::last_run(folder / "runs.db").run;
  REQUIRE(run.ceilings.size() == 4);
  CHECK(run.ceilings[1].continuation == -1);
  CHECK(run.ceilings[2].continuation == 0);
  CHECK(contains(resumed.out, "continuation"));
}

TEST_CASE("a run that is told so measures no ceilings") {
  const ScratchFolder folder;
  int calls = 0;
  const CliResult result = call_cli(
      run_with_ceilings(folder, {"--context", "64", "--phase", "prefill", "--no-ceilings"}),
      counting_seams(calls));
  CHECK(result.code == 0);
  CHECK(calls == 0);
  CHECK(test::last_run(folder / "runs.db").run.ceilings.empty());
}

TEST_CASE("a run that times nothing measures no ceilings") {
  const ScratchFolder folder;
  int calls = 0;
  const CliResult result =
      call_cli(run_with_ceilings(folder, {"--suite", "ruler-synth", "--tasks", "vt", "--context",
                                          "1024", "--retention", "1/3"}),
               counting_seams(calls));
  CAPTURE(result.err);
  CHECK(result.code == 0);
  CHECK(calls == 0);
  CHECK_FALSE(contains(result.out, "Ceilings"));
}

TEST_CASE("the real ceilings of the CPU hold its own prefill below them") {
  const ScratchFolder folder;
  const CliResult result =
      call_cli(run_with_ceilings(folder, {"--context", "512", "--phase", "prefill", "--retention",
                                          "1", "--format", "json"}),
               CliSeams());
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const auto row = nlohmann::json::parse(result.out).at("tables").at(0).at("rows").at(0);
  CHECK(row.at("prefill_matrix_percent") > 0.0);
  CHECK(row.at("prefill_matrix_percent") < 100.0);
}

TEST_CASE("a device that is not there is a note, not an error") {
  const std::vector<Ceiling> ceilings = measure_run_ceilings({Device::Kind::cuda, 99});
  REQUIRE(ceilings.size() == 1);
  CHECK(ceilings[0].nanoseconds == 0);
  CHECK(contains(ceilings[0].note, "not measured: "));
  CHECK(contains(ceilings[0].note, "cuda:99"));
}

TEST_CASE("declared work is what the plan counts, and e4m3 only where it is computed so") {
  const ModelConfig config = resolve_model_config(test::tiny_request());
  Cell cell;
  cell.pattern = "FSF";
  cell.context_tokens = 512;
  for (const char* mode : {"exact", "fp8"}) {
    for (const auto& [kind, dtype] :
         {std::pair("cpu", "f32"), std::pair("cuda", "f32"), std::pair("cuda", "bf16")}) {
      CAPTURE(mode, kind, dtype);
      cell.indexer_mode = mode;
      cell.device_kind = kind;
      cell.dtype = dtype;
      const MatrixWork work = declared_matrix_work(config, cell);
      const double whole = estimate_flops(config, cell);
      CHECK(std::abs(work.flops + work.f8_flops - whole) <= 1e-12 * whole);
      CHECK((work.f8_flops > 0) == (mode == std::string("fp8") && dtype == std::string("bf16")));
    }
  }
  // Two F layers, 512 * 513 / 2 pairs, 2 heads of 32: two operations each.
  CHECK(declared_matrix_work(config, cell).f8_flops == 2.0 * 2 * 512 * 513 / 2 * 2 * 32);
}

}  // namespace
}  // namespace dsabench
