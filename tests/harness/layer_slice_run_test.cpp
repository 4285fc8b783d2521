/// Slices that run: verified like any cell, and extrapolated from records of the engine itself.
#include <nlohmann/json.hpp>

#include "harness/plan/layer_slice.h"
#include "results/layer_list.h"
#include "tests/harness/profile_calls.h"
#include "tests/harness/stored_runs.h"

namespace dsabench {
namespace {

using nlohmann::json;
using test::call_cli;
using test::CliResult;
using test::contains;
using test::ScratchFolder;

/// 8 layers, two of them dense: with FSFSFSFS kinds DF (0), DS (1), EF (2, 4, 6), ES (3, 5, 7).
std::vector<std::string> eight_layers(const std::string& verb, const ScratchFolder& folder,
                                      const std::vector<std::string>& more) {
  std::vector<std::string> arguments = test::with_tiny_model(verb, {"--set",
                                                                    "num_hidden_layers=8",
                                                                    "--set",
                                                                    "first_k_dense_replace=2",
                                                                    "--context",
                                                                    "96",
                                                                    "--chunk",
                                                                    "40",
                                                                    "--decode-tokens",
                                                                    "3",
                                                                    "--min-samples",
                                                                    "2",
                                                                    "--max-samples",
                                                                    "2",
                                                                    "--progress",
                                                                    "plain",
                                                                    "--db",
                                                                    folder / "runs.db",
                                                                    "--format",
                                                                    "json"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// What the record would be, had these layers alone run: the others' times taken out.
TrialRecord without_others(const TrialRecord& whole, const std::vector<std::int64_t>& layers,
                           const std::string& phase) {
  TrialRecord slice = whole;
  slice.stage_times.clear();
  std::map<std::int64_t, std::int64_t> gone;  // by sample
  for (StageTime time : whole.stage_times) {
    const auto at = std::find(layers.begin(), layers.end(), time.layer);
    if (time.layer < 0 || at != layers.end()) {
      if (time.layer >= 0) time.layer = at - layers.begin();
      slice.stage_times.push_back(time);
    } else {
      gone[time.sample] += time.nanoseconds;
    }
  }
  for (MetricSamples& metric : slice.metrics) {
    if (metric.name != (phase == "decode" ? "decode_step" : "prefill")) continue;
    const auto steps = static_cast<std::int64_t>(metric.values.size() / gone.size());
    for (std::size_t i = 0; i < metric.values.size(); ++i) {
      metric.values[i] -= gone.at(static_cast<std::int64_t>(i) / steps) / steps;
    }
  }
  return slice;
}

/// Of each sample, the sum of its values.
std::vector<double> sums(const std::vector<std::int64_t>& values, std::size_t num_samples) {
  std::vector<double> sums(num_samples);
  for (std::size_t i = 0; i < values.size(); ++i) {
    sums[i * num_samples / values.size()] += double(values[i]);
  }
  return sums;
}

TEST_CASE("slices that share out the layers of each kind extrapolate to the whole on average") {
  const ScratchFolder folder;
  const CliResult result =
      call_cli(eight_layers("run", folder, {"--pattern", "FSFSFSFS", "--repeat", "2"}));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const RunResults whole = test::last_run(folder / "runs.db");
  REQUIRE(whole.trials.size() == 4);
  for (const TrialRecord& trial : whole.trials) {
    const std::string phase = trial.stage_times.at(0).metric;
    const auto& measured = metric_values(trial, phase == "decode" ? "decode_step" : "prefill");
    const std::vector<double> expected = sums(measured, 2);
    std::vector<double> added(2);
    for (const char* text : {"0-3", "0,1,4,5", "0,1,6,7"}) {
      const std::vector<std::int64_t> layers = read_layer_list(text).value();
      const LayerSlice slice{text, "FSFS", "FSFSFSFS", "DDEEEEEE"};
      const auto values = extrapolated_values(slice, without_others(trial, layers, phase), phase);
      REQUIRE(values.size() == measured.size());
      for (std::size_t i = 0; i < 2; ++i) added[i] += sums(values, 2)[i];
    }
    for (std::size_t i = 0; i < 2; ++i) {
      CAPTURE(phase, added[i], expected[i]);
      CHECK(std::abs(added[i] / 3 - expected[i]) <= 8);  // nanoseconds: a rounding a value
    }
  }
}

TEST_CASE("a slice is verified, counts its indexers, and is resumed and printed as such") {
  const ScratchFolder folder;
  const CliResult result = call_cli(
      eight_layers("run", folder, {"--layers", "0-3", "--retention", "1,1/2", "--batch", "1,2"}));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  CHECK(contains(result.err, "layers 0-3 of the 8 of demo run, with weights generated as layers"));
  const RunResults run = test::last_run(folder / "runs.db");
  REQUIRE(run.trials.size() == 8);
  for (std::size_t i = 0; i < run.trials.size(); ++i) {
    const TrialRecord& trial = run.trials[i];
    CAPTURE(i, trial.reason);
    CHECK(trial.outcome == TrialOutcome::ok);
    CHECK(contains(trial.verification_json, R"("passed":true)"));
    REQUIRE(trial.layer_runs.size() == 4);
    const auto planned =
        std::find_if(run.plan.begin(), run.plan.end(),
                     [&](const PlannedCell& entry) { return entry.cell.cell_id == trial.cell_id; });
    for (const LayerRuns& layer : trial.layer_runs) {
      CHECK(layer.runs == layer.expected);
      const bool full = planned->cell.pattern.at(static_cast<std::size_t>(layer.layer)) == 'F';
      CHECK((layer.expected > 0) == full);
    }
    const std::optional<LayerSlice> slice = slice_of(planned->cell);
    REQUIRE(slice);
    CHECK(slice->whole_mlp == "DDEEEEEE");
    const std::string phase = planned->cell.phase;
    const auto measured = metric_values(trial, phase == "decode" ? "decode_step" : "prefill");
    const auto whole = extrapolated_values(*slice, trial, phase);
    REQUIRE(whole.size() == measured.size());
    for (std::size_t k = 0; k < whole.size(); ++k) {
      CHECK(whole[k] > measured[k]);
      CHECK(whole[k] < 3 * measured[k]);  // six layers with experts for two
    }
  }
  const json rows = json::parse(result.out).at("tables").at(0).at("rows");
  REQUIRE(rows.size() == 4);
  for (const json& row : rows) {
    CHECK(row.at("variant") == "layers 0-3 of 8");
    CHECK(row.at("prefill_extrapolated_ms") > row.at("prefill_ms"));
    CHECK(row.at("decode_extrapolated_tokens_per_s") < row.at("decode_tokens_per_s"));
    CHECK(row.at("prefill_extrapolated_speedup") > 0.0);
  }
  const CliResult resumed =
      call_cli({"resume", "last", "--db", folder / "runs.db", "--format", "json"});
  CHECK(resumed.code == 0);
  CHECK(resumed.out == result.out);
  const CliResult compared =
      call_cli({"compare", "last", "last", "--db", folder / "runs.db", "--format", "json"});
  CHECK(compared.code == 0);
  CHECK(contains(compared.out, "layers 0-3 of 8"));
}

TEST_CASE("a profile of a slice shows the whole beside it") {
  const ScratchFolder folder;
  REQUIRE(call_cli(eight_layers("run", folder,
                                {"--layers", "0-3", "--retention", "1,1/2", "--phase", "prefill"}))
              .code == 0);
  const CliResult result =
      call_cli(eight_layers("profile", folder, {"--layers", "0-3", "--retention", "1/2"}));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const auto tables = test::profile_rows(result.out);
  CHECK(contains(result.out, "layers 0-3 of 8"));
  const auto rows = test::by(tables.at("profile_whole"), "layers_of");
  const json cell = tables.at("profile").at(0);
  CHECK(rows.at("Shared layers with experts").at("in_whole") == 3);
  CHECK(rows.at("Shared layers with experts").at("in_slice") == 1);
  CHECK(rows.at("all").at("slice_ms") == cell.at("timed_ms"));
  double measured = 0, whole = 0;
  for (const auto& [name, row] : rows) {
    if (name == "all") continue;
    measured += row.at("slice_ms").get<double>();
    whole += row.at("extrapolated_ms").get<double>();
  }
  CHECK(test::is_near(rows.at("all").at("slice_ms"), measured));
  CHECK(rows.at("all").at("extrapolated_ms") > measured);
  CHECK(whole > measured);
  const auto reuse = test::by(tables.at("profile_reuse"), "retention");
  CHECK(reuse.at("1/2").at("full_layers") == 2);
  CHECK(reuse.at("1/4").at("full_layers") == 1);  // 0 and 4 of the whole
  CHECK(reuse.at("1").at("measured_ms") > 0.0);   // of the run above
}

TEST_CASE("the paper's table from a slice") {
  const ScratchFolder folder;
  std::vector<std::string> arguments = {"reproduce",     "table1",   "--model", "demo",
                                        "--no-ceilings", "--device", "cpu"};
  for (const auto& [key, value] : test::tiny_overrides()) {
    arguments.insert(arguments.end(), {"--set", key + "=" + value});
  }
  arguments.insert(arguments.end(), {"--set",
                                     "num_hidden_layers=8",
                                     "--layers",
                                     "0,2,3",
                                     "--retention",
                                     "1,1/2",
                                     "--context",
                                     "64",
                                     "--decode-tokens",
                                     "2",
                                     "--max-samples",
                                     "2",
                                     "--min-samples",
                                     "1",
                                     "--db",
                                     folder / "runs.db",
                                     "--format",
                                     "json",
                                     "--progress",
                                     "off"});
  const CliResult result = call_cli(arguments);
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const json table = json::parse(result.out).at("tables").at(0);
  REQUIRE(table.at("rows").size() == 6);
  for (const json& row : table.at("rows")) {
    CHECK(row.at("variant").get<std::string>().starts_with("layers 0,2,3 of 8"));
    CHECK(row.at("extrapolated") > 0.0);
    const bool time = row.at("better") == "lower";
    CHECK((row.at("extrapolated") > row.at("ours")) == time);
    CHECK(row.at("extrapolated_speedup") > 0.0);
  }
  CHECK(contains(table.at("notes").dump(), "layers 0,2,3 of 8 alone"));
}

}  // namespace
}  // namespace dsabench
