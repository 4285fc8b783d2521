#include "harness/plan/run_plan.h"

#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "harness/plan/sweep_text.h"
#include "tests/harness/cli_calls.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

using test::contains;
using test::message_of;

RunPlan sample_plan() {
  RunPlan plan;
  plan.model = test::tiny_request();
  plan.model.seed = 18446744073709551615ull;
  plan.model.picks = Picks::random;
  const ModelConfig config = resolve_model_config(plan.model);
  SweepText speed;
  speed.contexts = {{"64,96", ""}};
  speed.retentions = {{"1,1/3", ""}};
  speed.patterns = {{"uniform,FSF,checkpoint", ""}};
  speed.batches = {{"1,3", ""}};
  SweepText quality;
  quality.suites = {{"ruler-synth", ""}};
  quality.tasks = {{"vt", ""}};
  quality.contexts = {{"2048", ""}};
  quality.dense_attention = true;
  const std::vector<SweepAxes> sweeps = {resolve_axes(speed, config, plan.model),
                                         resolve_axes(quality, config, plan.model)};
  plan.sweep = make_sweep_plan(config, sweeps);
  plan.repeats = 4;
  plan.limits = {0.1 + 0.2, 3, 7, 1.0 / 3.0, 2};
  return plan;
}

TEST_CASE("a stored plan gives the same plan back") {
  const RunPlan plan = sample_plan();
  const std::string text = plan_json(plan);
  const RunPlan again = parse_plan_json(text);
  CHECK(plan_json(again) == text);
  CHECK(again.model.model == plan.model.model);
  CHECK(again.model.overrides == plan.model.overrides);
  CHECK(again.model.seed == plan.model.seed);
  CHECK(again.model.picks == plan.model.picks);
  CHECK(again.repeats == 4);
  CHECK(again.limits == plan.limits);
  REQUIRE(again.sweep.entries.size() == plan.sweep.entries.size());
  for (std::size_t i = 0; i < plan.sweep.entries.size(); ++i) {
    const PlanEntry &a = plan.sweep.entries[i], &b = again.sweep.entries[i];
    CHECK(a.cell == b.cell);
    CHECK(a.suite == b.suite);
    CHECK(a.pattern.pattern == b.pattern.pattern);
    CHECK(a.pattern.origin == b.pattern.origin);
    CHECK(a.pattern.nominal_retention == b.pattern.nominal_retention);
    CHECK(a.pattern.dialect == b.pattern.dialect);
  }
  CHECK(difference_here(again).empty());
}

TEST_CASE("everything that a plan says is part of it") {
  const std::string text = plan_json(sample_plan());
  const std::vector<std::function<void(RunPlan&)>> changes = {
      [](RunPlan& p) { p.model.model += "x"; },
      [](RunPlan& p) { p.model.config_file = "c.json"; },
      [](RunPlan& p) { p.model.overrides.pop_back(); },
      [](RunPlan& p) {
        p.model.layers = {0, 2};
      },
      [](RunPlan& p) { p.model.picks = Picks::planted; },
      [](RunPlan& p) { p.model.seed = 1; },
      [](RunPlan& p) { p.repeats = 5; },
      [](RunPlan& p) { p.reproduction = "table1"; },
      [](RunPlan& p) { p.limits.noise_target = 0.3; },
      [](RunPlan& p) { p.limits.min_samples = 4; },
      [](RunPlan& p) { p.limits.max_samples = 8; },
      [](RunPlan& p) { p.limits.max_seconds = 0.3; },
      [](RunPlan& p) { p.limits.max_warmups = 3; },
      [](RunPlan& p) { p.sweep.entries.pop_back(); },
      [](RunPlan& p) { std::swap(p.sweep.entries[0], p.sweep.entries[1]); },
      [](RunPlan& p) { p.sweep.entries[0].cell.batch = 9; },
      [](RunPlan& p) { p.sweep.entries[0].pattern.origin = "given"; },
      [](RunPlan& p) { p.sweep.entries[0].pattern.nominal_retention = "1/9"; },
      [](RunPlan& p) { p.sweep.entries[0].pattern.dialect = "hf"; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    RunPlan plan = sample_plan();
    changes[i](plan);
    CAPTURE(i);
    CHECK(plan_json(plan) != text);
  }
}

TEST_CASE("a stored plan that is not this build's is refused") {
  const std::string text = plan_json(sample_plan());
  const auto refusal = [](const nlohmann::json& changed) {
    return message_of<InvalidArgument>([&] { parse_plan_json(changed.dump()); });
  };
  nlohmann::json plan = nlohmann::json::parse(text);
  REQUIRE(refusal(plan).empty());
  plan["cells"][0]["cell"]["wings"] = 2;
  CHECK(contains(refusal(plan), "wings"));
  plan = nlohmann::json::parse(text);
  plan["cells"][0]["cell"]["batch"] = 1;  // at its default: this build leaves it out
  CHECK_FALSE(refusal(plan).empty());
  plan = nlohmann::json::parse(text);
  plan["cells"][0]["cell"]["suite"] = "gone";
  CHECK(contains(refusal(plan), "gone"));
  plan = nlohmann::json::parse(text);
  plan["format"] = 2;
  CHECK(contains(refusal(plan), "format is 2"));
  plan.erase("format");
  CHECK_FALSE(refusal(plan).empty());
  CHECK_FALSE(message_of<InvalidArgument>([&] { parse_plan_json("{"); }).empty());

  RunPlan other = sample_plan();
  other.sweep.entries[0].cell.suite_version = "0";
  const std::string difference = difference_here(parse_plan_json(plan_json(other)));
  CHECK(contains(difference, "speed"));
  CHECK(contains(difference, "0 in the plan"));
}

TEST_CASE("paths of a plan hold in any folder") {
  const test::ScratchFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::copy_file(DSABENCH_TEST_DATA "/golden/glm_moe_dsa_tiny/config.json",
                             folder / "mine.json");
  std::filesystem::current_path(folder.path());
  ModelRequest request;
  request.model = "./mine.json";
  const ModelRequest absolute = with_absolute_paths(request);
  std::filesystem::current_path(before);
  CHECK(std::filesystem::equivalent(absolute.model, folder / "mine.json"));
  CHECK(resolve_model_config(absolute).name == "mine");
  request.model = "demo";
  CHECK(with_absolute_paths(request).model == "demo");
}

}  // namespace
}  // namespace dsabench
