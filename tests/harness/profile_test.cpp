/// `profile` from the command line to its tables and the database.
#include <map>
#include <nlohmann/json.hpp>

#include "harness/profile/profile_tables.h"
#include "results/report/render.h"
#include "tests/harness/profile_calls.h"

namespace dsabench {
namespace {

using nlohmann::json;
using test::by;
using test::call_cli;
using test::CliResult;
using test::contains;
using test::CuptiScript;
using test::is_error_line;
using test::is_near;
using test::profile_rows;
using test::quick_profile;
using test::ScratchFolder;
using test::traced_seams;

TEST_CASE("a profile on the CPU: stages, layers and groups add up") {
  for (const std::string phase : {"prefill", "decode"}) {
    const CliResult result =
        call_cli(quick_profile({"--pattern", "FSF", "--phase", phase, "--format", "json"}));
    CAPTURE(phase, result.err);
    REQUIRE(result.code == 0);
    auto tables = profile_rows(result.out);
    CHECK(tables.size() == 5);
    const json cell = tables.at("profile").at(0);
    CHECK(cell.at("phase") == phase);
    CHECK(cell.at("pattern") == "FSF");
    CHECK(cell.at("timed_values") == (phase == "decode" ? 6 : 2));
    CHECK(cell.at("timed_ms") > 0.0);
    CHECK(cell.at("profiled_ms") > 0.0);
    CHECK(cell.at("launches").is_null());
    CHECK(cell.at("indexer_percent") > 0.0);
    const double unaccounted = cell.at("unaccounted_percent");
    CHECK(unaccounted >= 0.0);
    CHECK(unaccounted < 100.0);

    double stages = 0, percent = 0;
    for (const json& row : tables.at("profile_stages")) {
      stages += row.at("timed_ms").get<double>();
      percent += row.at("percent").get<double>();
    }
    CHECK(std::abs(percent - 100) <= 1e-6);
    double layers = 0;
    for (const json& row : tables.at("profile_layers")) {
      layers += row.at("timed_ms").get<double>();
      double of_layer = 0;
      for (const auto& [key, value] : row.items()) {
        if (key.ends_with("_ms") && key != "timed_ms" && !value.is_null())
          of_layer += double(value);
      }
      CHECK(is_near(row.at("timed_ms"), of_layer));
    }
    double groups = 0;
    for (const json& row : tables.at("profile_layer_groups")) groups += double(row.at("timed_ms"));
    CHECK(std::abs(layers - stages) <= 1e-9 * stages);
    CHECK(std::abs(groups - stages) <= 1e-9 * stages);

    const auto layer = by(tables.at("profile_layers"), "layer");
    const std::int64_t passes = 3;  // of 64 tokens by 24, and of three steps
    CHECK(layer.at("0").at("indexer_runs") == passes);
    CHECK(layer.at("1").at("indexer_runs") == 0);
    CHECK(layer.at("2").at("indexer_score_ms") > 0.0);
    CHECK(layer.at("1").at("indexer_score_ms").is_null());
    CHECK(layer.at("1").at("indexer") == "shared");
    const auto group = by(tables.at("profile_layer_groups"), "layers_of");
    CHECK(group.at("full").at("layers") == 2);
    CHECK(group.at("shared").at("indexer_ms") == 0.0);
    CHECK(group.at("none").at("timed_ms") > 0.0);
  }
}

TEST_CASE("what reuse could give at most follows from the indexers' share") {
  const CliResult result = call_cli(quick_profile({"--pattern", "FFF", "--format", "json"}));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const auto tables = profile_rows(result.out);
  const json cell = tables.at("profile").at(0);
  const auto rows = by(tables.at("profile_reuse"), "retention");
  double indexers = 0;
  for (const char* stage : {"indexer_proj", "indexer_score"}) {
    indexers += double(by(tables.at("profile_stages"), "stage").at(stage).at("timed_ms"));
  }
  CHECK(is_near(rows.at("1").at("bound_speedup"), 1.0));
  CHECK(is_near(rows.at("1").at("bound_ms"), cell.at("timed_ms")));
  CHECK(is_near(rows.at("this cell").at("bound_ms"), cell.at("timed_ms")));
  // Three layers: 1/2 keeps two indexers, 1/4 one. The median of two is their mean.
  const double time = cell.at("timed_ms");
  CHECK(rows.at("1/2").at("full_layers") == 2);
  CHECK(is_near(rows.at("1/2").at("bound_speedup"), time / (time - indexers / 3)));
  CHECK(is_near(rows.at("1/4").at("bound_speedup"), time / (time - indexers * 2 / 3)));
  CHECK(rows.at("1/8").at("full_layers") == 1);
}

TEST_CASE("beside the bound stands what runs of the same configuration measured") {
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  REQUIRE(call_cli(test::with_tiny_model(
                       "run", {"--db", db, "--context", "64", "--chunk", "24", "--retention",
                               "1,1/4", "--max-samples", "5", "--progress", "off"}))
              .code == 0);
  const RunResults runs = [&] {
    const ResultStore store = ResultStore::open(db, ResultStore::Mode::read_only);
    return store.load_run(store.list_runs().at(0).run_id);
  }();
  for (const std::string phase : {"prefill", "decode"}) {
    // A decode cell of another number of steps is another configuration.
    std::vector<std::string> arguments =
        quick_profile({"--pattern", "FSS", "--phase", phase, "--format", "json"}, db);
    const auto steps = std::find(arguments.begin(), arguments.end(), "--decode-tokens");
    arguments.erase(steps, steps + 2);
    const CliResult result = call_cli(arguments);
    CAPTURE(phase, result.err);
    REQUIRE(result.code == 0);
    const auto speed =
        by(json::parse(render_json({speed_table(runs)})).at("tables").at(0).at("rows"), "pattern");
    const auto rows = by(profile_rows(result.out).at("profile_reuse"), "retention");
    const char* key = phase == "decode" ? "decode_step_ms" : "prefill_ms";
    CHECK(is_near(rows.at("1").at("measured_ms"), speed.at("FFF").at(key)));
    CHECK(is_near(rows.at("1").at("measured_speedup"), 1.0));
    CHECK(is_near(rows.at("this cell").at("measured_ms"), speed.at("FSS").at(key)));
    CHECK(is_near(rows.at("1/4").at("measured_speedup"), speed.at("FSS").at(phase + "_speedup")));
    CHECK(rows.at("1/2").at("measured_ms").is_null());
  }
  const CliResult other =
      call_cli(quick_profile({"--pattern", "FSS", "--phase", "decode", "--format", "json"}, db));
  REQUIRE(other.code == 0);
  const json others = profile_rows(other.out).at("profile_reuse");
  for (const json& row : others) {
    CHECK(row.at("measured_ms").is_null());
  }
}

TEST_CASE("stages are held against the ceilings of the same process") {
  CliSeams seams = test::quick_seams();
  seams.measure_ceilings = [](Device) {
    return std::vector<Ceiling>{
        {.name = "matrix_f32",
         .unit = "FLOP",
         .work = 1'000'000,
         .nanoseconds = 1000,
         .note = "by hand"},
        {.name = "copy", .unit = "bytes", .work = 4000, .nanoseconds = 1000, .note = "by hand"}};
  };
  std::vector<std::string> arguments = quick_profile({"--pattern", "FSF", "--format", "json"});
  std::erase(arguments, "--no-ceilings");
  const CliResult result = call_cli(arguments, seams);
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const auto tables = profile_rows(result.out);
  CHECK(tables.at("ceilings").size() == 2);
  for (const auto& [stage, row] : by(tables.at("profile_stages"), "stage")) {
    CAPTURE(stage);
    if (row.at("gflop").is_null()) {
      CHECK(row.at("ceiling_percent").is_null());
      continue;
    }
    const double compute = double(row.at("gflop")) * 1e9 / 1e3;
    const double memory = double(row.at("gbyte")) * 1e9 / 4;
    const double taken = double(row.at("timed_ms")) * 1e6;
    CHECK(is_near(row.at("ceiling_percent"), 100 * std::max(compute, memory) / taken));
    CHECK(row.at("bound_by") == (compute > memory ? "operations" : "bytes"));
    CHECK(is_near(row.at("gflop_per_s"), double(row.at("gflop")) * 1e9 / taken));
    CHECK(is_near(row.at("gbyte_per_s"), double(row.at("gbyte")) * 1e9 / taken));
  }
}

TEST_CASE("an engine that recomputes on Shared layers is found before it is profiled") {
  CliSeams seams = test::quick_seams();
  seams.engine_factory = [](const LoadedModel& model, const PlanEntry& entry) {
    EngineOptions options;
    options.chunk_tokens = entry.cell.chunk_tokens;
    return std::make_unique<Engine>(model.config, model.weights, LayerPattern::all_full(3),
                                    options);
  };
  const CliResult result = call_cli(quick_profile({"--pattern", "FSS"}), seams);
  CHECK(result.code == 6);
  CHECK(contains(result.err, "layer 1 (Shared)"));
}

TEST_CASE("a profile is one cell, and of a speed suite") {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"profile"}, "--model"},
      {{"profile", "--model", "demo"}, "--retention or --pattern"},
      {{"profile", "--model", "demo", "--retention", "1", "--pattern", "FSSS"}, "one of them"},
      {{"profile", "--model", "demo", "--retention", "1,1/2"}, "one cell"},
      {{"profile", "--model", "demo", "--retention", "1", "--context", "64,128"}, "one cell"},
      {{"profile", "--model", "demo", "--retention", "1", "--phase", "rest"}, "rest"},
      {{"profile", "--model", "demo", "--retention", "1", "--suite", "speed"}, "--suite"},
      {{"profile", "--model", "demo", "--retention", "1", "--trace", "/no/such/folder/x"},
       "--trace: cannot write /no/such/folder/x"},
      {{"profile", "--model", "demo", "--retention", "1", "--device", "cuda:99"}, "cuda:99"},
      {{"profile", "--model", "demo", "--retention", "1", "--max-samples", "0"}, "0"},
  };
  for (const auto& [arguments, part] : cases) {
    const CliResult result = call_cli(arguments);
    CAPTURE(arguments, result.err);
    CHECK(result.code == 2);
    CHECK(is_error_line(result.err, part));
    CHECK(result.out.empty());
  }
}

TEST_CASE("a profile comes in every format") {
  const CuptiScript script(test::kFewKernels);
  const std::map<std::string, std::string> part = {
      {"md", "## Stages of a sample"},
      {"csv", "profile_stages,indexer_score,"},
      {"json", "\"Stages of a sample\""},
      {"jsonl", "\"table\":\"profile_layers\""},
      {"sql", "profile_reuse"},
      {"junit", "<testsuite name=\"Stages of a sample\""},
      {"github", "::notice"}};
  for (const auto& [format, text] : part) {
    const CliResult result =
        call_cli(quick_profile({"--pattern", "FSF", "--format", format}), traced_seams());
    CAPTURE(format, result.err, result.out);
    CHECK(result.code == 0);
    CHECK(contains(result.out, text));
  }
}

/// A monitor whose readings are all the same.
class SteadyMonitor final : public DeviceMonitor {
 public:
  explicit SteadyMonitor(std::int64_t limits) : limits_(limits) {}
  DeviceSample read() noexcept override {
    DeviceSample sample;
    sample.power_mw = 300'000;
    sample.clock_limits = limits_;
    return sample;
  }
  std::string uuid() const override { return "GPU-steady"; }

 private:
  std::int64_t limits_;
};

TEST_CASE("a watched device tells energy a token, and a throttled one ends with 4") {
  for (const std::int64_t limits : {0x0, 0x40}) {
    CliSeams seams = test::quick_seams();
    seams.open_monitor = [&](Device) {
      return MonitorChoice{std::make_shared<SteadyMonitor>(limits), {}};
    };
    const CliResult result =
        call_cli(quick_profile({"--pattern", "FSF", "--format", "json"}), seams);
    CAPTURE(result.err);
    CHECK(result.code == (limits == 0 ? 0 : 4));
    const json cell = profile_rows(result.out).at("profile").at(0);
    CHECK(is_near(cell.at("joules_per_token"), 300.0 * double(cell.at("timed_ms")) * 1e-3 / 64));
  }
}

TEST_CASE("a profile is stored apart from what runs measured") {
  const CuptiScript script(test::kFewKernels);
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  REQUIRE(call_cli(test::with_tiny_model(
                       "run", {"--db", db, "--context", "64", "--pattern", "FSF", "--phase",
                               "prefill", "--max-samples", "5", "--progress", "off"}))
              .code == 0);
  const CliResult result =
      call_cli(quick_profile({"--pattern", "FSF", "--format", "json"}, db), traced_seams());
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const ResultStore store = ResultStore::open(db, ResultStore::Mode::read_only);
  const std::vector<RunRecord> runs = store.list_runs();
  REQUIRE(runs.size() == 2);
  CHECK(runs[0].status == kProfileStatus);
  CHECK(contains(result.err, runs[0].run_id));
  CHECK(contains(runs[0].command_line, "dsabench profile"));
  CHECK(store.load_run(runs[0].run_id).trials.empty());
  CHECK_FALSE(store.load_profile(runs[1].run_id));
  const ProfileRecord profile = store.load_profile(runs[0].run_id).value();
  const auto tables = profile_rows(result.out);
  const json cell = tables.at("profile").at(0);
  CHECK(profile.cell_id == cell.at("cell_id"));
  CHECK(profile.tracer == "CUPTI 130001");
  REQUIRE(profile.timed.size() == 2);
  CHECK(is_near(cell.at("timed_ms"), double(profile.timed[0] + profile.timed[1]) / 2e6));
  REQUIRE(profile.watched.size() == 1);
  CHECK(is_near(cell.at("profiled_ms"), double(profile.watched[0]) / 1e6));
  std::int64_t launches = 0;
  for (const ProfiledKernel& kernel : profile.kernels) {
    if (kernel.bytes == 0) launches += kernel.launches;
  }
  CHECK(cell.at("launches") == launches);
  std::map<std::string, std::int64_t> watched_ns;
  for (const StageTime& time : profile.watched_stages) watched_ns[time.stage] += time.nanoseconds;
  for (const json& row : tables.at("profile_stages")) {
    CHECK(is_near(row.at("profiled_ms"), double(watched_ns.at(row.at("stage"))) / 1e6));
  }
  CHECK(contains(profile.verification_json, "rows"));

  // `last` is the last that measured; a profile is nothing to go on with.
  const CliResult resumed = call_cli({"resume", "last", "--db", db});
  CHECK(resumed.code == 0);
  CHECK(contains(resumed.err, runs[1].run_id));
  const CliResult refused = call_cli({"resume", runs[0].run_id, "--db", db, "--progress", "off"});
  CHECK(refused.code == 2);
  CHECK(is_error_line(refused.err, "is a profile"));
  CHECK(call_cli({"db", "check", "--db", db}).code == 0);
}

}  // namespace
}  // namespace dsabench
