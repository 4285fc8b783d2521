/// The whole from some of its layers, against stage times made by hand.
#include "results/extrapolation.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "results/identity.h"
#include "results/layer_list.h"
#include "results/report/render.h"
#include "results/report/reproduction.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"

namespace dsabench {
namespace {

using nlohmann::json;
using test::contains;
using Layers = std::vector<std::int64_t>;
using Times = std::vector<std::int64_t>;

/// Of 10 layers, two dense: kinds DF (0), DS (1), ES (2, 3, 5, 6, 7, 9), EF (4, 8).
const LayerSlice kSlice = {"0-2,4-5", "FSSFS", "FSSSFSSSFS", "DDEEEEEEEE"};

TrialRecord trial_of(const std::string& phase, const Times& values,
                     const std::vector<std::vector<std::int64_t>>& layers_by_sample) {
  TrialRecord trial;
  trial.outcome = TrialOutcome::ok;
  trial.conditions_json = "{}";
  trial.metrics = {{"cache_bytes", "bytes", "exact", {7}},
                   {phase == "decode" ? "decode_step" : "prefill", "ns", "lower", values}};
  for (std::size_t sample = 0; sample < layers_by_sample.size(); ++sample) {
    const auto number = static_cast<std::int64_t>(sample);
    trial.stage_times.push_back({phase, number, -1, "lm_head", 100});
    for (std::size_t layer = 0; layer < layers_by_sample[sample].size(); ++layer) {
      const std::int64_t time = layers_by_sample[sample][layer], indexer = time / 5;
      const auto of = static_cast<std::int64_t>(layer);
      trial.stage_times.push_back({phase, number, of, "indexer_score", indexer});
      trial.stage_times.push_back({phase, number, of, "moe", time - indexer});
    }
  }
  return trial;
}

TEST_CASE("a list of layers has one text, and the text that list") {
  const std::vector<std::pair<Layers, std::string>> cases = {
      {{0}, "0"},
      {{0, 1}, "0,1"},
      {{0, 1, 2}, "0-2"},
      {{0, 3, 4, 5, 6}, "0,3-6"},
      {{0, 1, 3, 4, 5, 9, 10}, "0,1,3-5,9,10"}};
  for (const auto& [layers, text] : cases) {
    CAPTURE(text);
    CHECK(layer_list_text(layers) == text);
    CHECK(read_layer_list(text) == layers);
  }
  CHECK(read_layer_list("5,1-2") == Layers{5, 1, 2});
  for (const char* text : {"", ",", "0,", "-", "1-", "-1", "2-1", "a", " 1", "0-99999", "1+1"}) {
    CAPTURE(text);
    CHECK_FALSE(read_layer_list(text).has_value());
  }
}

TEST_CASE("layers of one kind are counted in the whole and in the slice") {
  const std::vector<LayerKind> kinds = layer_kinds(kSlice);
  REQUIRE(kinds.size() == 4);
  CHECK(describe(kinds[0]) == "dense Full layers");
  CHECK(describe(kinds[1]) == "dense Shared layers");
  CHECK(describe(kinds[2]) == "Shared layers with experts");
  CHECK(describe(kinds[3]) == "Full layers with experts");
  CHECK(kinds[2].first == 2);
  CHECK(kinds[2].in_whole == 6);
  CHECK(kinds[2].sliced == Layers{2, 4});
  CHECK(kinds[3].first == 4);
  CHECK(kinds[3].in_whole == 2);
  CHECK(kinds[3].sliced == Layers{3});
  CHECK(layer_weights(kSlice) == std::vector<double>{1, 1, 3, 2, 3});
  CHECK(describe(kSlice) == "layers 0-2,4-5 of 10");
}

TEST_CASE("a slice that is none of its whole stands for nothing") {
  const auto changed = [](auto&& change) {
    LayerSlice slice = kSlice;
    change(slice);
    return layer_weights(slice).empty();
  };
  CHECK_FALSE(changed([](LayerSlice&) {}));
  CHECK(changed([](LayerSlice& s) { s.layers = "0-2,4"; }));
  CHECK(changed([](LayerSlice& s) { s.layers = "0-2,5,4"; }));
  CHECK(changed([](LayerSlice& s) { s.layers = "0-2,4,10"; }));
  CHECK(changed([](LayerSlice& s) { s.layers = "x"; }));
  CHECK(changed([](LayerSlice& s) { s.pattern = "FSSSS"; }));
  CHECK(changed([](LayerSlice& s) { s.whole_mlp = "DDEEE"; }));
  CHECK(changed([](LayerSlice& s) { s = {"0,1,3", "FSS", s.whole_pattern, s.whole_mlp}; }));
}

TEST_CASE("what is missing is added, kind by kind and sample by sample") {
  // Shared layers with experts: (30 + 50) / 2 = 40 and four are missing; Full ones 70, one missing.
  const TrialRecord trial = trial_of("prefill", {1000, 2000},
                                     {{10, 20, 30, 70, 50},  //
                                      {11, 21, 60, 140, 100}});
  CHECK(extrapolated_values(kSlice, trial, "prefill") ==
        Times{1000 + 4 * 40 + 70, 2000 + 4 * 80 + 140});
  CHECK(extrapolated_values(kSlice, trial, "decode").empty());
}

TEST_CASE("steps of a decode sample share what is added by their lengths") {
  const TrialRecord trial = trial_of("decode", {300, 100, 500, 500},
                                     {{10, 20, 30, 70, 50},  //
                                      {11, 21, 60, 140, 100}});
  // 230 for 400, 460 for 1000.
  CHECK(extrapolated_values(kSlice, trial, "decode") == Times{std::llround(300 * (1 + 230.0 / 400)),
                                                              std::llround(100 * (1 + 230.0 / 400)),
                                                              730, 730});
}

TEST_CASE("stages of a sample of their own are scaled to what was timed without them") {
  TrialRecord trial = trial_of("decode", {300, 100, 200}, {{10, 20, 30, 70, 50}});
  trial.conditions_json = R"({"stage_sample_ns":1150})";
  CHECK(extrapolated_values(kSlice, trial, "decode") == Times{360, 120, 240});  // 230 of 1150
  trial.conditions_json = R"({"stage_sample_ns":0})";
  CHECK(extrapolated_values(kSlice, trial, "decode").empty());
  TrialRecord two = trial_of("decode", {300, 100}, {{10, 20, 30, 70, 50}, {10, 20, 30, 70, 50}});
  two.conditions_json = R"({"stage_sample_ns":1150})";  // of which of them?
  CHECK(extrapolated_values(kSlice, two, "decode").empty());
  // Of prefill there is no such sample, whatever the conditions say.
  TrialRecord prefill = trial_of("prefill", {1000}, {{10, 20, 30, 70, 50}});
  prefill.conditions_json = R"({"stage_sample_ns":1150})";
  CHECK(extrapolated_values(kSlice, prefill, "prefill") == Times{1230});
}

TEST_CASE("records whose stage times do not cover their samples give nothing") {
  const std::vector<std::int64_t> layers = {10, 20, 30, 70, 50};
  CHECK(extrapolated_values(kSlice, trial_of("prefill", {1000}, {}), "prefill").empty());
  CHECK(extrapolated_values(kSlice, trial_of("prefill", {}, {layers}), "prefill").empty());
  CHECK(extrapolated_values(kSlice, trial_of("prefill", {1, 2, 3}, {layers, layers}), "prefill")
            .empty());
  CHECK(extrapolated_values(kSlice, trial_of("prefill", {0}, {layers}), "prefill").empty());
  TrialRecord gap = trial_of("prefill", {1000, 2000}, {layers, layers});
  for (StageTime& time : gap.stage_times) time.sample *= 2;
  CHECK(extrapolated_values(kSlice, gap, "prefill").empty());
  LayerSlice without = kSlice;
  without = {"0-2,5", "FSSS", kSlice.whole_pattern, kSlice.whole_mlp};
  CHECK(extrapolated_values(without, trial_of("prefill", {1000}, {layers}), "prefill").empty());
}

TEST_CASE("a slice of all layers is the whole") {
  const LayerSlice all = {"0-4", "FSSFS", "FSSFS", "DDEEE"};
  const TrialRecord trial = trial_of("prefill", {1000, 999}, {{1, 2, 3, 4, 5}, {5, 4, 3, 2, 1}});
  CHECK(extrapolated_values(all, trial, "prefill") == Times{1000, 999});
}

/// A run of two slices of one whole: all Full, and kSlice's.
RunResults sliced_run() {
  RunResults results;
  results.run.status = "done";
  results.run.synthetic_weights = true;
  const auto add = [&](const std::string& phase, const std::string& letters,
                       const std::string& whole, const Times& values, const Layers& layers) {
    PlannedCell& planned = results.plan.emplace_back();
    planned.nominal_retention = letters == whole.substr(0, letters.size()) ? "1" : "1/4";
    CellRecord& cell = planned.cell;
    cell = {"", "", "glm-5", letters, "speed", phase, "cpu", "f32", "exact", "planted", 2000, 1};
    cell.canonical_json = json{
        {"phase", phase},
        {"pattern", letters},
        {"layers", kSlice.layers},
        {"whole_pattern", whole},
        {"whole_mlp",
         kSlice.whole_mlp}}.dump();
    cell.cell_id = content_hash(cell.canonical_json);
    results.trials.push_back(trial_of(phase, values, {layers}));
    results.trials.back().cell_id = cell.cell_id;
  };
  const std::string all(10, 'F');
  const Layers full = {10, 20, 80, 70, 90}, some = {10, 20, 30, 70, 50};
  for (const std::string phase : {"prefill", "decode"}) {
    add(phase, "FFFFF", all, {1000}, full);
    add(phase, kSlice.pattern, kSlice.whole_pattern, {1000}, some);
  }
  return results;
}

json parsed(const Table& table) { return json::parse(render_json({table})).at("tables").at(0); }

TEST_CASE("the speed table has the measured and, marked, the extrapolated") {
  const Table table = speed_table(sliced_run());
  for (const auto& row : table.rows) CHECK(row.size() == table.columns.size());
  const json document = parsed(table), rows = document.at("rows");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].at("variant") == "layers 0-2,4-5 of 10");
  CHECK(rows[1].at("prefill_ms") == 0.001);
  CHECK(rows[1].at("whole_full_layers") == 3);
  CHECK(rows[1].at("whole_layers") == 10);
  CHECK(rows[1].at("layers_measured") == "0-2,4-5");
  CHECK(rows[1].at("whole_pattern") == kSlice.whole_pattern);
  // All Full: dense 15 a layer, experts 80: five of eight are missing.
  const double base = 1000 + 5 * 80, some = 1000 + 4 * 40 + 70;
  CHECK(rows[0].at("prefill_extrapolated_ms").get<double>() == Approx(base / 1e6));
  CHECK(rows[1].at("prefill_extrapolated_ms").get<double>() == Approx(some / 1e6));
  CHECK(rows[1].at("decode_step_extrapolated_ms").get<double>() == Approx(some / 1e6));
  CHECK(rows[1].at("prefill_extrapolated_tokens_per_s").get<double>() == Approx(2000e9 / some));
  CHECK(rows[1].at("decode_extrapolated_tokens_per_s").get<double>() == Approx(1e9 / some));
  CHECK(rows[1].at("prefill_speedup").get<double>() == Approx(1));
  CHECK(rows[1].at("prefill_extrapolated_speedup").get<double>() == Approx(base / some));
  CHECK(contains(document.at("notes").dump(), "was not measured"));
  const std::string text = render_markdown(table);
  CHECK(contains(text, "layers 0-2,4-5 of 10"));
  CHECK(contains(text, "prefill of the whole, extrapolated"));
  CHECK(contains(text, "3/10 = 0.3"));
}

TEST_CASE("wholes that give the slice the same letters are told apart") {
  RunResults results = sliced_run();
  json canonical = json::parse(results.plan[1].cell.canonical_json);
  canonical["whole_pattern"] = "FSSSFSSSSF";
  results.plan[0].cell.pattern = kSlice.pattern;
  results.plan[0].cell.canonical_json = canonical.dump();
  results.plan.resize(2);
  const json rows = parsed(speed_table(results)).at("rows");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].at("variant") == "layers 0-2,4-5 of 10, whole_pattern=\"FSSSFSSSSF\"");
  CHECK(rows[0].at("variant") != rows[1].at("variant"));
  // The first trial's times, under the second's letters: four of 85 and one of 70 are missing.
  CHECK(rows[0].at("prefill_extrapolated_ms").get<double>() == Approx(1410e-6));
  CHECK(rows[1].at("prefill_extrapolated_ms").get<double>() == Approx(1230e-6));
}

TEST_CASE("a wrong slice shows neither a measured nor an extrapolated time") {
  RunResults results = sliced_run();
  for (TrialRecord& trial : results.trials) trial.outcome = TrialOutcome::incorrect;
  const json rows = parsed(speed_table(results)).at("rows");
  for (const json& row : rows) {
    for (const auto& [key, value] : row.items()) {
      CAPTURE(key);
      if (contains(key, "extrapolated")) CHECK(value.is_null());
    }
  }
}

TEST_CASE("the paper's tables compare nothing with a slice, and extrapolate beside it") {
  const RunResults results = sliced_run();
  const Table table1 = reproduction_of_table1({results, -1, false});
  for (const auto& row : table1.rows) CHECK(row.size() == table1.columns.size());
  const json document = parsed(table1), rows = document.at("rows");
  REQUIRE(rows.size() == 4);
  const double base = 1400, some = 1230;
  CHECK(rows[1].at("ours").get<double>() == Approx(1e-6));
  CHECK(rows[1].at("extrapolated").get<double>() == Approx(some / 1e9));
  CHECK(rows[1].at("extrapolated_speedup").get<double>() == Approx(base / some));
  CHECK(rows[3].at("extrapolated").get<double>() == Approx(1e9 / some));
  CHECK(rows[3].at("extrapolated_speedup").get<double>() == Approx(base / some));
  CHECK(rows[1].at("variant") == "layers 0-2,4-5 of 10");
  CHECK(contains(document.at("notes").dump(), "of glm-5 layers 0-2,4-5 of 10 alone"));
  CHECK(contains(render_markdown(table1), "the whole, extrapolated"));

  const Table profile = reproduction_of_profile({results, -1, false});
  for (const auto& row : profile.rows) CHECK(row.size() == profile.columns.size());
  const json shares = parsed(profile).at("rows");
  REQUIRE(shares.size() == 2);
  // A fifth of each layer: 270 of the slice, 670 of the whole, and 100 outside.
  CHECK(shares[0].at("ours").get<double>() == Approx(100 * 54.0 / 370));
  CHECK(shares[0].at("extrapolated").get<double>() == Approx(100 * 134.0 / 770));
}

}  // namespace
}  // namespace dsabench
