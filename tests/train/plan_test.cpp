#include "train/plan.h"

#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/train/tiny_plan.h"
#include "train/batch.h"

namespace dsabench::test {
namespace {

using nlohmann::json;

TEST_CASE("the built-in model's plan is whole, and small enough to ship and to carry") {
  const train::Plan plan = train::load_plan(DSABENCH_SOURCE_DIR "/train/builtin.json");
  CHECK(plan.config.num_layers == 24);
  CHECK(plan.config.index_top_k == 32);
  CHECK(plan.config.vocab_size == facts::kVocabularySize);
  const double mib = double(plan.config.num_parameters()) / 0x1p20;
  CHECK(3 * 2 * mib < 22);  // the model and two variants in bf16
  CHECK(8 * mib < 56);      // a checkpoint
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const train::Stage& stage = plan.stages[s];
    INFO(stage.name);
    CHECK(stage.from.empty() == (s == 0));
    // Every level of every course has problems that fit.
    for (const train::Course& course : stage.courses) {
      train::Plan one = plan;
      one.stages[s].tokens_per_step = 8 * 512;
      for (const train::Level& level : course.levels) {
        one.stages[s].courses = {{0, {level}}};
        CAPTURE(level.length, level.records, level.one_task);
        const train::Batch batch = train::make_batch(one, s, 7);
        CHECK(batch.is_target.any().item<bool>());
      }
    }
  }
}

TEST_CASE("courses follow each other") {
  const ScratchFolder folder;
  const train::Plan plan = train::load_plan(write_plan(folder, tiny_plan(9)));
  const train::Stage& stage = plan.stages.at(0);
  CHECK(stage.course(1).levels.size() == 2);
  CHECK(stage.course(2).levels.size() == 1);
  CHECK(stage.course(8).levels.at(0).one_task);
  CHECK(plan.stages.at(3).pattern.letters() == "FSS");
  CHECK(plan.stage_index("half") == 3);
  REQUIRE_THROWS_AS(plan.stage_index("other"), InvalidArgument);
}

TEST_CASE("a plan is refused by field and value") {
  const auto refused = [](const std::function<void(json&)>& edit) {
    json plan = tiny_plan(9);
    edit(plan);
    const ScratchFolder folder;
    return message_of<Error>([&] { train::load_plan(write_plan(folder, plan)); });
  };
  REQUIRE(refused([](json&) {}).empty());
  const auto check = [&](const std::string& part, const std::function<void(json&)>& edit) {
    const std::string message = refused(edit);
    INFO(part << " | " << message);
    CHECK(contains(message, part));
    CHECK(contains(message, "plan.json"));
  };
  const auto with = [](const char* key, const json& value) {
    return [=](json& plan) { plan["stages"][2][key] = value; };
  };
  check("seed", [](json& plan) { plan["seed"] = -1; });
  check("model", [](json& plan) { plan.erase("model"); });
  check("stages", [](json& plan) { plan["stages"] = json::array(); });
  check("extra", [](json& plan) { plan["extra"] = 1; });
  check("stage 3: extra", with("extra", 1));
  for (const char* key :
       {"name", "pattern", "attention", "learns", "target", "indexer_loss_weight", "balance_step",
        "steps", "warmup_steps", "learning_rate", "last_learning_rate", "beta1", "beta2",
        "weight_decay", "clip_norm", "tokens_per_step", "tokens_at_once", "checkpoint_every"}) {
    check(key, [&](json& plan) { plan["stages"][2].erase(key); });
    check(key, with(key, json::object()));
  }
  check("name", with("name", "dense"));
  check("name", with("name", "a/b"));
  check("from", with("from", "half"));
  check("pattern", with("pattern", "FS"));
  check("pattern", with("pattern", "SFF"));
  check("pattern", with("pattern", "uniform 2"));
  check("attention", with("attention", "wide"));
  check("warmup_steps", with("warmup_steps", 10));
  CHECK(refused(with("index_topk", 64)).empty());
  check("index_topk", with("index_topk", 0));
  check("index_topk", [](json& plan) { plan["stages"][0]["index_topk"] = 64; });  // dense
  CHECK(refused(with("attention", "sparse_shared")).empty());
  check("tokens_at_once", with("tokens_at_once", 60));
  check("courses", with("courses", json::array()));
  check("courses[1].first_step",
        [](json& plan) { plan["stages"][2]["courses"][1]["first_step"] = 0; });
  check("courses[0].first_step",
        [](json& plan) { plan["stages"][2]["courses"][0]["first_step"] = 1; });
  check("courses[0].levels[1].length",
        [](json& plan) { plan["stages"][2]["courses"][0]["levels"][1]["length"] = 97; });
  const auto with_tasks = [](const json& tasks) {
    return [=](json& plan) { plan["stages"][2]["courses"][0]["levels"][0]["tasks"] = tasks; };
  };
  CHECK(refused(with_tasks({"kv", "sort"})).empty());
  for (const json& tasks :
       {json::array(), json("kv"), json({"kv", "kw"}), json({"kv", "kv"}), json({1})}) {
    check("courses[0].levels[0].tasks", with_tasks(tasks));
  }
  check("courses[0].levels[0].extra",
        [](json& plan) { plan["stages"][2]["courses"][0]["levels"][0]["extra"] = 1; });
}

}  // namespace
}  // namespace dsabench::test
