#include "harness/plan/sweep_plan.h"

#include "engine/model/model_preset.h"
#include "harness/plan/work_estimate.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"

namespace dsabench {
namespace {

using test::contains;
using test::message_of;

ModelConfig demo() { return preset_config(preset("demo")); }

std::vector<PatternChoice> uniform(const ModelConfig& config, const std::vector<Retention>& r) {
  return choose_patterns(config, {}, r, std::nullopt);
}

SweepAxes speed_axes(const ModelConfig& config) {
  SweepAxes axes;
  axes.suites = {&find_suite("speed")};
  axes.contexts = {1024, 2048};
  axes.patterns = uniform(config, {{1, 1}, {1, 4}});
  return axes;
}

TEST_CASE("a plan crosses its axes in the order given") {
  const ModelConfig config = demo();
  const SweepPlan plan = make_sweep_plan(config, speed_axes(config));
  std::vector<std::string> seen;
  for (const PlanEntry& entry : plan.entries) {
    seen.push_back(std::to_string(entry.cell.context_tokens) + " " +
                   entry.pattern.nominal_retention + " " + phase_name(entry.cell.phase));
  }
  CHECK(seen == std::vector<std::string>{"1024 1 prefill", "1024 1 decode", "1024 1/4 prefill",
                                         "1024 1/4 decode", "2048 1 prefill", "2048 1 decode",
                                         "2048 1/4 prefill", "2048 1/4 decode"});
  CHECK(plan.notices.empty());
  CHECK(plan.entries[0].cell.decode_tokens == 0);
  CHECK(plan.entries[1].cell.decode_tokens == 16);
  const std::vector<PlannedCell> records = to_records(plan);
  REQUIRE(records.size() == 8);
  CHECK(records[7].position == 7);
  CHECK(records[7].nominal_retention == "1/4");
  CHECK(records[7].dialect == "paper");
}

TEST_CASE("retentions with one pattern are one cell, and a notice says so") {
  const ModelConfig config = demo();  // 16 layers
  SweepAxes axes = speed_axes(config);
  axes.patterns = uniform(config, {{1, 16}, {1, 20}, {1, 16}});
  axes.contexts = {1024, 1024};
  axes.phases = {Phase::prefill};
  const SweepPlan plan = make_sweep_plan(config, axes);
  REQUIRE(plan.entries.size() == 1);
  CHECK(plan.entries[0].pattern.nominal_retention == "1/16");
  REQUIRE(plan.notices.size() == 1);
  CHECK(contains(plan.notices[0], "1/20"));
  CHECK(contains(plan.notices[0], "1/16"));
}

TEST_CASE("the way a pattern was asked for is no part of the cell") {
  const ModelConfig config = demo();
  SweepAxes asked = speed_axes(config), given = asked;
  asked.patterns = uniform(config, {{1, 4}});
  given.patterns = choose_patterns(config, {"FSSSFSSSFSSSFSSS"}, {}, std::nullopt);
  const SweepPlan a = make_sweep_plan(config, asked), b = make_sweep_plan(config, given);
  REQUIRE(a.entries.size() == b.entries.size());
  for (std::size_t i = 0; i < a.entries.size(); ++i) {
    CHECK(cell_id(a.entries[i].cell) == cell_id(b.entries[i].cell));
  }
  CHECK(b.entries[0].pattern.origin == "given");
}

TEST_CASE("a context beyond the model's positions is refused with the numbers") {
  const ModelConfig config = demo();
  SweepAxes axes = speed_axes(config);
  axes.contexts = {config.max_positions};
  const std::string message = message_of<InvalidArgument>([&] { make_sweep_plan(config, axes); });
  CHECK(contains(message, std::to_string(config.max_positions)));
  CHECK(contains(message, "16"));
  axes.phases = {Phase::prefill};
  CHECK(make_sweep_plan(config, axes).entries.size() == 2);
  axes.contexts = {config.max_positions + 1};
  CHECK_THROWS_AS(make_sweep_plan(config, axes), InvalidArgument);
}

TEST_CASE("an axis without values is refused") {
  const ModelConfig config = demo();
  SweepAxes axes = speed_axes(config);
  axes.contexts.clear();
  CHECK(contains(message_of<InvalidArgument>([&] { make_sweep_plan(config, axes); }), "contexts"));
}

TEST_CASE("quality suites have one phase and no batches") {
  const ModelConfig config = demo();
  SweepAxes axes = speed_axes(config);
  axes.suites = {&find_suite("ruler-synth")};
  axes.batches = {1, 2};
  axes.tasks = {"vt"};
  axes.samples_per_task = 3;
  const SweepPlan plan = make_sweep_plan(config, axes);
  REQUIRE(plan.entries.size() == 4);
  for (const PlanEntry& entry : plan.entries) {
    CHECK(entry.cell.phase == Phase::generate);
    CHECK(entry.cell.batch == 1);
    CHECK(entry.cell.samples_per_task == 3);
    CHECK(entry.cell.tasks == std::vector<std::string>{"vt"});
  }
}

TEST_CASE("patterns are chosen by name, letters or retention") {
  const ModelConfig config = demo();
  CHECK(choose_patterns(config, {}, {}, std::nullopt).at(0).origin == "checkpoint");
  const auto both = choose_patterns(config, {"uniform", "checkpoint"}, {{1, 2}}, std::nullopt);
  REQUIRE(both.size() == 2);
  CHECK(both[0].pattern.letters() == "FSFSFSFSFSFSFSFS");
  CHECK(both[0].dialect == "paper");
  CHECK(both[1].dialect == "auto");
  const auto hf = choose_patterns(config, {}, {{1, 4}}, Dialect::hf);
  CHECK(hf.at(0).pattern.letters() == "FFSSSFSSSFSSSFSS");
  CHECK(hf.at(0).dialect == "hf");

  const auto refusal = [&](const std::vector<std::string>& patterns,
                           const std::vector<Retention>& retentions,
                           std::optional<Dialect> dialect = std::nullopt) {
    return message_of<InvalidArgument>(
        [&] { choose_patterns(config, patterns, retentions, dialect); });
  };
  CHECK(contains(refusal({"FSSS"}, {}), "16 layers, got 4"));
  CHECK(contains(refusal({"searched"}, {}), "searched"));
  CHECK(contains(refusal({"uniform"}, {}), "--retention"));
  CHECK(contains(refusal({"checkpoint"}, {{1, 2}}), "--retention"));
  CHECK(contains(refusal({}, {{3, 8}}, Dialect::vllm), "3/8"));
}

TEST_CASE("published patterns are chosen by name, for models of their number of layers alone") {
  const ModelConfig of_47 = preset_config(preset("glm-4.7-flash-dsa"));
  const auto all = choose_patterns(of_47, {"published"}, {}, std::nullopt);
  REQUIRE(all.size() == 3);
  CHECK(all[0].nominal_retention == "1/2");
  CHECK(all[1].nominal_retention == "1/4");
  CHECK(all[1].pattern.letters() == "FSFSFSSSSFSSSFSSFFSSFSSFSSSSFSSSFSSSSFSSSSSSSSS");
  CHECK(all[2].nominal_retention == "1/8");
  for (const PatternChoice& choice : all) {
    CHECK(choice.origin == "published");
    CHECK(choice.dialect.empty());
  }
  const auto one = choose_patterns(of_47, {"uniform", "published-1/4"}, {{1, 4}}, std::nullopt);
  REQUIRE(one.size() == 2);
  CHECK(one[1].pattern == all[1].pattern);
  CHECK(one[0].pattern != one[1].pattern);
  CHECK(choose_patterns(preset_config(preset("glm-5")), {"published"}, {}, std::nullopt).size() ==
        2);

  const auto refusal = [](const ModelConfig& config, const std::string& name) {
    return message_of<InvalidArgument>([&] { choose_patterns(config, {name}, {}, std::nullopt); });
  };
  CHECK(contains(refusal(demo(), "published"),
                 "--pattern published: patterns are published for 47 layers (30B): 1/2, 1/4, 1/8; "
                 "78 layers (GLM-5): 1/2, 1/4; demo has 16 layers"));
  CHECK(contains(refusal(of_47, "published-1/3"), "--pattern published-1/3"));
  CHECK(contains(refusal(of_47, "published-x"), "'x'"));
  CHECK(contains(refusal(of_47, "publishes"), "published"));
}

TEST_CASE("estimated work falls with Full layers and rises with the context") {
  const ModelConfig config = demo();
  const SweepPlan plan = make_sweep_plan(config, speed_axes(config));
  const auto work = [&](std::size_t i) { return estimate_flops(config, plan.entries[i].cell); };
  CHECK(work(0) > work(2));
  CHECK(work(4) > 2 * work(0));
  CHECK(work(1) < work(0));
  // What 12 of 16 Full layers add: scores of 1024 x 1025 / 2 pairs, and the indexer's projections.
  const double width = double(config.index_heads * config.index_dim);
  const double scores = 12.0 * 1024 * 1025 * width;
  const double projections =
      12.0 * 1024 * 2 *
      (double(config.q_lora_rank) * width +
       double(config.hidden_size) * double(config.index_dim + config.index_heads));
  CHECK(work(0) - work(2) == Approx(scores + projections));
}

}  // namespace
}  // namespace dsabench
