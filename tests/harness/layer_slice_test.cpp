/// Slices of models: what a plan makes of --layers, and what it refuses.
#include "harness/plan/layer_slice.h"

#include <nlohmann/json.hpp>
#include <set>

#include "engine/model/model_preset.h"
#include "harness/plan/plan_file.h"
#include "harness/plan/sweep_text.h"
#include "tests/harness/cli_calls.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::CliResult;
using test::contains;
using test::is_error_line;
using test::message_of;
using test::ScratchFolder;
using Layers = std::vector<std::int64_t>;

/// The miniature with 10 layers, two of them dense.
ModelRequest ten_layers(const Layers& layers = {}) {
  ModelRequest request = test::tiny_request();
  request.overrides.emplace_back("num_hidden_layers", "10");
  request.overrides.emplace_back("first_k_dense_replace", "2");
  request.layers = layers;
  return request;
}

RunPlan plan_of(const ModelRequest& request, const std::string& retentions,
                const std::string& patterns = "uniform") {
  SweepText sweep;
  sweep.contexts = {{"64", "--context"}};
  if (!retentions.empty()) sweep.retentions = {{retentions, "--retention"}};
  sweep.patterns = {{patterns, "--pattern"}};
  sweep.phases = {{"prefill", "--phase"}};
  RunPlan plan;
  plan.model = request;
  const ModelConfig config = resolve_model_config(request);
  plan.sweep = make_sweep_plan(config, resolve_axes(sweep, config, request));
  return plan;
}

std::string slice_refusal(const Layers& layers, const std::string& retentions) {
  return message_of<InvalidArgument>([&] { plan_of(ten_layers(layers), retentions); });
}

TEST_CASE("a slice is the model with those layers") {
  const ModelConfig whole = resolve_model_config(ten_layers());
  const ModelConfig slice = resolve_model_config(ten_layers({0, 1, 2, 4}));
  CHECK(slice.name == whole.name);
  CHECK(slice.num_layers == 4);
  CHECK(slice.is_moe == std::vector<bool>{false, false, true, true});
  CHECK(slice.hidden_size == whole.hidden_size);
  CHECK(to_json(resolve_whole_config(ten_layers({0, 1, 2, 4}))) == to_json(whole));
  CHECK(to_json(parse_model_config(to_json(slice), "again")) == to_json(slice));
  CHECK(slice.num_parameters() < whole.num_parameters());
  const ModelConfig one = slice_config(whole, Layers{0});
  const ModelConfig next = slice_config(whole, Layers{0, 5});
  CHECK(next.num_parameters() - one.num_parameters() ==
        slice_config(whole, Layers{0, 2, 9}).num_parameters() - next.num_parameters());
}

TEST_CASE("the patterns of a config are the whole's, and its slice has none of its own") {
  ModelConfig whole = resolve_model_config(ten_layers());
  whole.pattern_keys.indexer_types = "FSSSFSSSFS";
  whole.pattern_keys.freq = 4;
  const ModelConfig slice = slice_config(whole, Layers{0, 1, 4});
  CHECK_FALSE(slice.pattern_keys.indexer_types);
  CHECK_FALSE(slice.pattern_keys.freq);
}

TEST_CASE("a pattern of the whole is restricted to the slice") {
  const RunPlan plan = plan_of(ten_layers({0, 1, 3, 4, 9}), "1,1/4");
  REQUIRE(plan.sweep.entries.size() == 2);
  const Cell& all = plan.sweep.entries[0].cell;
  const Cell& quarter = plan.sweep.entries[1].cell;
  CHECK(all.pattern == "FFFFF");
  CHECK(all.whole_pattern == "FFFFFFFFFF");
  CHECK(quarter.pattern == "FSSFS");
  CHECK(quarter.whole_pattern == "FSSSFSSSFS");
  CHECK(quarter.layers == "0,1,3,4,9");
  CHECK(quarter.whole_mlp == "DDEEEEEEEE");
  CHECK(plan.sweep.entries[1].pattern.pattern.letters() == "FSSFS");
  CHECK(contains(describe(quarter), "2/5 F, layers 0,1,3,4,9 of 10"));
  const RunPlan given = plan_of(ten_layers({0, 1, 2, 3}), "", "FSFSSSSSSS");
  CHECK(given.sweep.entries.at(0).cell.pattern == "FSFS");
  CHECK(contains(message_of<InvalidArgument>([] {
                   plan_of(ten_layers({0, 2}), "", "FS");
                 }),
                 "has 10 layers, got 2 letters"));
}

TEST_CASE("wholes that restrict to the same letters are cells of their own") {
  // 1/4 is F at 0, 4, 8; the other at 0, 4, 9.
  const RunPlan plan =
      plan_of(ten_layers({0, 1, 3, 4}), "1/4,0.25", "uniform,FSSSFSSSSF,FSSSFSSSFS");
  std::set<std::string> ids, wholes;
  for (const PlanEntry& entry : plan.sweep.entries) {
    ids.insert(cell_id(entry.cell));
    wholes.insert(entry.cell.whole_pattern);
  }
  CHECK(ids.size() == plan.sweep.entries.size());
  CHECK(wholes == std::set<std::string>{"FSSSFSSSFS", "FSSSFSSSSF"});
  CHECK(contains(plan.sweep.notices.at(0), "the same pattern as retention 1/4"));
}

TEST_CASE("the whole, the slice and another slice have other ids, of cells and models") {
  std::set<std::string> cells, models;
  for (const Layers& layers : {Layers{}, Layers{0, 1, 2, 4}, Layers{0, 1, 3, 4}}) {
    cells.insert(cell_id(plan_of(ten_layers(layers), "1/4").sweep.entries.at(0).cell));
  }
  CHECK(cells.size() == 3);
  for (const Layers& layers : {Layers{}, Layers{0, 1, 2, 4}, Layers{0, 1, 2, 4, 5}}) {
    const LoadedModel model = load_model(ten_layers(layers));
    models.insert(model.identity.id);
    CHECK(model.notices.empty() == layers.empty());
  }
  CHECK(models.size() == 3);
  // The same layers of another whole: the same weights, and other cells.
  ModelRequest longer = ten_layers({0, 1, 2, 4});
  longer.overrides[longer.overrides.size() - 2].second = "11";
  CHECK(load_model(longer).identity.id == load_model(ten_layers({0, 1, 2, 4})).identity.id);
  CHECK(cells.insert(cell_id(plan_of(longer, "1/4").sweep.entries.at(0).cell)).second);
}

TEST_CASE("a slice without a kind of layer that the model has is refused, with one that is") {
  CHECK(slice_refusal({0, 1, 2, 4}, "1/4").empty());
  CHECK(contains(slice_refusal({0, 1, 4}, "1,1/4"),
                 "--layers 0,1,4: with retention 1/4 the model has Shared layers with experts, for "
                 "instance layer 2, and the slice has none"));
  CHECK(contains(slice_refusal({0, 2, 4}, "1/4"), "dense Shared layers, for instance layer 1"));
  CHECK(contains(slice_refusal({0, 1, 2, 3}, "1/4"),
                 "Full layers with experts, for instance layer 4"));
  CHECK(contains(slice_refusal({0, 1}, "1"), "Full layers with experts, for instance layer 2"));
  CHECK(slice_refusal({0, 2}, "1").empty());
}

TEST_CASE("large presets run as slices of an expert layer of each letter and the dense ones") {
  for (const char* name : {"glm-5", "deepseek-v3.2"}) {
    ModelRequest request;
    request.model = name;
    CAPTURE(name);
    request.layers = {0, 1, 3, 4};
    CHECK(plan_of(request, "1,1/2,1/4").sweep.entries.size() == 3);
    CHECK(resolve_model_config(request).num_parameters() < 40'000'000'000);
    request.layers = {0, 1, 3, 4, 8};
    CHECK(plan_of(request, "1,1/2,1/4,1/8").sweep.entries.size() == 4);
    request.layers = {0, 3, 4, 5, 6};
    CHECK(plan_of(request, "1").sweep.entries.size() == 1);
  }
}

TEST_CASE("all layers are no slice, and a checkpoint has none") {
  const ModelRequest whole = ten_layers();
  CHECK(choose_layers(whole, "--layers", "").empty());
  CHECK(choose_layers(whole, "--layers", "0-9").empty());
  CHECK(choose_layers(whole, "--layers", "0-3,4,5-9").empty());
  CHECK(choose_layers(whole, "--layers", "0-8") == Layers{0, 1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(contains(message_of<InvalidArgument>([&] { choose_layers(whole, "--layers", "0,10"); }),
                 "--layers 0,10: demo has layers 0 to 9, and no layer 10"));
  ModelRequest checkpoint;
  checkpoint.model = DSABENCH_TEST_DATA "/golden/glm_moe_dsa_tiny";
  CHECK(contains(message_of<InvalidArgument>([&] { choose_layers(checkpoint, "--layers", "0,1"); }),
                 "generated weights"));
}

TEST_CASE("a stored plan keeps its slice, and one without a slice is as it was") {
  const RunPlan plan = plan_of(ten_layers({0, 1, 2, 4}), "1,1/4");
  const std::string text = plan_json(plan);
  const RunPlan again = parse_plan_json(text);
  CHECK(plan_json(again) == text);
  CHECK(again.model.layers == Layers{0, 1, 2, 4});
  CHECK(again.sweep.entries.at(1).cell == plan.sweep.entries[1].cell);
  CHECK(again.sweep.entries[1].pattern.whole_letters == "FSSSFSSSFS");
  CHECK(nlohmann::json::parse(text).at("model").at("layers") == "0-2,4");
  const auto whole = nlohmann::json::parse(plan_json(plan_of(ten_layers(), "1/4")));
  CHECK_FALSE(whole.at("model").contains("layers"));
  CHECK_FALSE(whole.at("cells").at(0).at("cell").contains("layers"));
  CHECK_FALSE(whole.at("cells").at(0).at("cell").contains("whole_pattern"));
  auto changed = nlohmann::json::parse(text);
  changed["model"]["layers"] = "0,1,2,4";  // not as this build writes it
  CHECK_FALSE(message_of<InvalidArgument>([&] { parse_plan_json(changed.dump()); }).empty());
  changed["model"]["layers"] = "1,2";
  CHECK(contains(message_of<InvalidArgument>([&] { parse_plan_json(changed.dump()); }), "layer 0"));
}

nlohmann::json plan_document(const nlohmann::json& layers) {
  nlohmann::json plan = {{"model", "demo"}, {"layers", layers}};
  for (const auto& [key, value] : ten_layers().overrides) plan["set"][key] = std::stoi(value);
  plan["sweeps"] = {{{"context", 64}, {"retention", "1/4"}}};
  return plan;
}

TEST_CASE("plan files name layers as the option does, or as a list") {
  const nlohmann::json list = {0, "1", "2", 4};
  for (const nlohmann::json& layers : {nlohmann::json("0,1,2,4"), list}) {
    const RunPlan plan = parse_plan_file("plan.json", plan_document(layers).dump());
    CHECK(plan.model.layers == Layers{0, 1, 2, 4});
    CHECK(plan.sweep.entries.at(0).cell.layers == "0-2,4");
  }
  const auto refusal_of = [](const nlohmann::json& layers) {
    return message_of<Error>([&] { parse_plan_file("plan.json", plan_document(layers).dump(1)); });
  };
  CHECK(contains(refusal_of("0,77"), "/layers: --layers 0,77: demo has layers 0 to 9"));
  CHECK(contains(refusal_of("3-6"), "layer 0 among them"));
  CHECK(contains(refusal_of({{"from", 0}}), "/layers: expected a text or a number"));
  CHECK(contains(refusal_of("0,1"), "/sweeps/0: --layers 0,1: with retention 1/4"));  // experts
}

std::vector<std::string> with_ten_layers(const std::string& verb,
                                         const std::vector<std::string>& more) {
  std::vector<std::string> arguments = test::with_tiny_model(verb, {});
  if (verb == "reproduce") {
    arguments = {"reproduce", "table1", "--model", "demo", "--device", "cpu"};
    for (const auto& [key, value] : test::tiny_overrides()) {
      arguments.insert(arguments.end(), {"--set", key + "=" + value});
    }
  }
  arguments.insert(arguments.end(), {"--set", "num_hidden_layers=10", "--set",
                                     "first_k_dense_replace=2", "--context", "64"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST_CASE("what --layers cannot be ends with exit code 2 and names it, whatever the verb") {
  const ScratchFolder folder;
  const std::vector<std::pair<const char*, const char*>> refused = {
      {"0,77", "layer 77"},          {"0,3,3", "layer 3 is there twice"},
      {"0,5,2", "5 comes before 2"}, {"3-6", "layer 0"},
      {"all", "such as 0,3-6"},      {"0,1", "with experts"},
      {"0,1,4-3", "such as 0,3"}};
  for (const char* verb : {"run", "profile", "reproduce"}) {
    for (const auto& [layers, reason] : refused) {
      const CliResult result = call_cli(with_ten_layers(
          verb, {"--retention", "1/4", "--db", folder / "runs.db", "--layers", layers}));
      CAPTURE(verb, layers, result.err);
      CHECK(result.code == 2);
      CHECK(is_error_line(result.err, "--layers"));
      CHECK(contains(result.err, reason));
    }
  }
  const CliResult checkpoint =
      call_cli({"run", "--model", DSABENCH_TEST_DATA "/golden/glm_moe_dsa_tiny", "--layers", "0",
                "--db", folder / "runs.db"});
  CHECK(checkpoint.code == 2);
  CHECK(is_error_line(checkpoint.err, "--layers 0: of checkpoint"));
  for (const char* verb : {"demo", "verify"}) {
    CHECK(call_cli({verb, "--layers", "0"}).code == 2);
  }
  const CliResult file =
      call_cli({"run", "--plan", "x.json", "--layers", "0", "--db", folder / "runs.db"});
  CHECK(is_error_line(file.err, "--layers and --plan exclude each other"));
  CHECK_FALSE(std::filesystem::exists(folder / "runs.db"));
}

TEST_CASE("a dry run shows the slice and the whole") {
  const CliResult result = call_cli(with_ten_layers(
      "run", {"--retention", "1,1/4", "--layers", "0-2,4", "--dry-run", "--format", "json"}));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const auto table = nlohmann::json::parse(result.out).at("tables").at(0);
  CHECK(table.at("title") == "Plan: 4 cells of demo, layers 0-2,4 of 10");
  const auto& row = table.at("rows").at(2);
  CHECK(row.at("layers_measured") == "0-2,4");
  CHECK(row.at("pattern") == "FSSF");
  CHECK(row.at("whole_pattern") == "FSSSFSSSFS");
  CHECK(row.at("whole_full_layers") == 3);
  const CliResult all = call_cli(with_ten_layers(
      "run", {"--retention", "1,1/4", "--layers", "0-9", "--dry-run", "--format", "json"}));
  const CliResult none =
      call_cli(with_ten_layers("run", {"--retention", "1,1/4", "--dry-run", "--format", "json"}));
  CHECK(all.code == 0);
  CHECK(all.out == none.out);
  CHECK_FALSE(contains(none.out, "whole"));
}

}  // namespace
}  // namespace dsabench
