#include "train/trainer.h"

#include <cmath>
#include <filesystem>
#include <limits>

#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/train/tiny_plan.h"
#include "train/batch.h"
#include "train/model_files.h"

namespace dsabench::test {
namespace {

using train::ParameterKind;
using train::StageEnd;
using train::StepReport;

/// A folder with a plan, in which stages are trained.
struct Training {
  explicit Training(const nlohmann::json& json)
      : plan(train::load_plan(write_plan(folder, json))) {}

  StageEnd run(const std::string& stage, std::function<bool()> interrupted = {}) {
    reports.clear();
    train::TrainingOptions options;
    options.precision = precision;
    options.time_limit_s = time_limit_s;
    options.folder = folder.path();
    options.interrupted = std::move(interrupted);
    options.report = [this](const StepReport& report) { reports.push_back(report); };
    return train::train_stage(plan, stage, options);
  }
  /// Ends after `steps` steps, as by a signal.
  StageEnd run_steps(const std::string& stage, int steps) {
    return run(stage, [left = steps]() mutable { return --left == 0; });
  }
  std::string stage_folder(const std::string& stage) const { return folder / stage; }
  std::string newest(const std::string& stage) const {
    return train::newest_checkpoint(stage_folder(stage)).value();
  }
  train::Parameters parameters(const std::string& stage) const {
    return train::load_checkpoint(newest(stage), plan, plan.stage_index(stage), at::kCPU)
        .parameters;
  }

  ScratchFolder folder;
  train::Plan plan;
  train::Precision precision = train::Precision::f32;
  std::optional<double> time_limit_s;
  std::vector<StepReport> reports;
};

bool same_bits(const train::Parameters& a, const train::Parameters& b) {
  const auto all_a = a.named(), all_b = b.named();
  for (std::size_t i = 0; i < all_a.size(); ++i) {
    if (!at::equal(all_a[i].tensor, all_b[i].tensor)) return false;
  }
  return all_a.size() == all_b.size();
}

TEST_CASE("every stage trains, and a stage that went on is bit for bit one that never stopped") {
  const nlohmann::json json = tiny_plan(7);
  Training whole(json), cut(json);
  for (const char* stage : {"dense", "warmup", "sparse", "half"}) {
    INFO(stage);
    REQUIRE(whole.run(stage) == StageEnd::finished);
    const std::vector<StepReport> expected = whole.reports;
    REQUIRE(expected.size() == 7);
    // Where a checkpoint is written anyway: it rounds the moments.
    REQUIRE(cut.run_steps(stage, 3) == StageEnd::interrupted);
    REQUIRE(cut.run(stage) == StageEnd::finished);
    REQUIRE(cut.reports.size() == 4);
    for (std::size_t i = 0; i < cut.reports.size(); ++i) {
      const StepReport &a = cut.reports[i], &b = expected[i + 3];
      CHECK(a.step == b.step);
      CHECK(a.gradient_norm == b.gradient_norm);
      CHECK(a.language_loss == b.language_loss);
      CHECK(a.indexer_loss == b.indexer_loss);
    }
    CHECK(same_bits(whole.parameters(stage), cut.parameters(stage)));
    // The log has each step once.
    std::istringstream log(read_text(cut.stage_folder(stage) + "/log.jsonl"));
    int lines = 0;
    for (std::string line; std::getline(log, line);) {
      CHECK(nlohmann::json::parse(line)["step"] == ++lines);
    }
    CHECK(lines == 7);
    REQUIRE(cut.run(stage) == StageEnd::finished);
    CHECK(cut.reports.empty());
    CHECK(std::filesystem::exists(cut.stage_folder(stage) + "/step-6"));
    CHECK_FALSE(std::filesystem::exists(cut.stage_folder(stage) + "/step-3"));
  }
}

TEST_CASE("a stage moves what it is to teach and nothing else") {
  Training training(tiny_plan(4));
  std::vector<train::Parameters> after = {
      train::random_parameters(training.plan.config, training.plan.seed, at::kCPU)};
  for (const char* stage : {"dense", "warmup", "sparse", "half"}) {
    INFO(stage);
    training.run(stage);
    after.push_back(training.parameters(stage));
    const bool model = std::string(stage) != "warmup", indexers = std::string(stage) != "dense";
    const auto before = after[after.size() - 2].named(), now = after.back().named();
    for (std::size_t i = 0; i < now.size(); ++i) {
      INFO(now[i].name);
      const bool is_full = std::string(stage) != "half" || now[i].layer == 0;
      const bool learns = now[i].kind == ParameterKind::indexer ? indexers && is_full : model;
      CHECK(at::equal(before[i].tensor, now[i].tensor) != learns);
    }
  }
}

TEST_CASE("a stage selects as many keys as it says, else as the config says") {
  const auto loss_of = [](const nlohmann::json& changes) {
    nlohmann::json json = tiny_plan(1);
    json["stages"][2].update(changes);
    json["stages"][2]["from"] = "dense";
    Training training(json);
    training.run("dense");
    training.run("sparse");
    return *training.reports.back().language_loss;
  };
  const double usual = loss_of(nlohmann::json::object());
  CHECK(loss_of({{"index_topk", 12}}) == usual);  // what the config says
  CHECK(loss_of({{"index_topk", 1}}) != usual);
  const double dense = loss_of({{"attention", "dense"}});
  CHECK(dense != usual);
  CHECK(loss_of({{"index_topk", 96}}) == Approx(dense).epsilon(1e-5));  // all there are
  nlohmann::json shared = {{"attention", "sparse_shared"}, {"pattern", "FSF"}};
  const double where_shared = loss_of(shared);
  CHECK(where_shared != dense);
  shared["index_topk"] = 96;
  CHECK(loss_of(shared) == Approx(dense).epsilon(1e-5));
}

TEST_CASE("training lowers the losses") {
  nlohmann::json json = tiny_plan(40);
  for (auto& stage : json["stages"]) stage["tokens_per_step"] = 1600;
  Training training(json);
  const auto fall = [&](auto member) {
    double first = 0, last = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      first += *(training.reports[i].*member) / 8;
      last += *(training.reports[training.reports.size() - 1 - i].*member) / 8;
    }
    CAPTURE(first, last);
    CHECK(last < 0.9 * first);
  };
  training.run("dense");
  fall(&StepReport::language_loss);
  training.run("warmup");
  fall(&StepReport::indexer_loss);
}

TEST_CASE("every stage trains in bf16 too") {
  Training training(tiny_plan(2));
  training.precision = train::Precision::bf16;
  for (const char* stage : {"dense", "warmup", "sparse", "half"}) {
    INFO(stage);
    REQUIRE(training.run(stage) == StageEnd::finished);
    for (const StepReport& report : training.reports) CHECK(report.gradient_norm > 0);
    for (const auto& parameter : training.parameters(stage).named()) {
      CHECK(at::isfinite(parameter.tensor).all().item<bool>());
    }
  }
}

TEST_CASE("a time limit ends a stage with a checkpoint") {
  Training training(tiny_plan(9));
  training.time_limit_s = 1e-9;
  for (std::int64_t step = 1; step < 9; ++step) {
    REQUIRE(training.run("dense") == StageEnd::out_of_time);
    CHECK(training.reports.size() == 1);
    CHECK(contains(training.newest("dense"), "step-" + std::to_string(step)));
  }
  CHECK(training.run("dense") == StageEnd::finished);
}

TEST_CASE("a loss that is not finite ends a stage with its last good checkpoint") {
  nlohmann::json json = tiny_plan(50);
  json["stages"][0]["learning_rate"] = 1e-3;
  json["stages"][0]["checkpoint_every"] = 2;
  Training training(json);
  REQUIRE(training.run_steps("dense", 4) == StageEnd::interrupted);
  const train::Parameters good = training.parameters("dense");
  // As if the next update had been one too far: a checkpoint whose own loss is not finite.
  const std::size_t stage = 0;
  train::Checkpoint bad =
      train::load_checkpoint(training.newest("dense"), training.plan, stage, at::kCPU);
  bad.step = 5;
  bad.parameters.layers[1].down.fill_(std::numeric_limits<float>::max());
  train::save_checkpoint(training.stage_folder("dense"), training.plan, stage, bad);
  const std::string message = message_of<VerificationError>([&] { training.run("dense"); });
  INFO(message);
  CHECK(contains(message, "step 6"));
  CHECK(contains(message, "step-4"));
  CHECK(same_bits(training.parameters("dense"), good));
}

TEST_CASE("a stage begins where the one before has ended") {
  Training training(tiny_plan(4));
  const auto refused = [&] { return message_of<InvalidArgument>([&] { training.run("warmup"); }); };
  CHECK(contains(refused(), "dense has not begun"));
  training.run_steps("dense", 2);
  CHECK(contains(refused(), "dense has done 2 of 4 steps"));
  training.run("dense");
  // Its moments are of no use any more.
  REQUIRE(std::filesystem::remove(training.newest("dense") + "/optimizer.safetensors"));
  CHECK(training.run("dense") == StageEnd::finished);
  CHECK(training.reports.empty());
  CHECK(refused().empty());
}

TEST_CASE("an exported model stands for the stage that it was exported from") {
  nlohmann::json json = tiny_plan(2);
  json["stages"].push_back(json["stages"][3]);
  json["stages"][4].update({{"name", "more"}, {"from", "half"}});
  Training trained(json), imported(json);
  for (const char* stage : {"dense", "warmup", "sparse", "half"}) trained.run(stage);
  const train::Plan& plan = trained.plan;
  const ModelConfig config = train::config_for(plan.config, plan.stages[3].pattern);
  const ScratchFolder model;
  train::write_model(model.path(), config, trained.parameters("half"), DType::f32);

  const auto refused = [&](const std::string& stage) {
    return message_of<InvalidArgument>(
        [&] { train::import_stage(plan, stage, imported.folder.path(), model.path()); });
  };
  CHECK(contains(refused("sparse"), "config.json: config."));  // all Full: the model has a pattern
  CHECK_FALSE(std::filesystem::exists(imported.stage_folder("sparse")));
  REQUIRE(refused("half").empty());
  CHECK(contains(refused("half"), "stage half has begun"));
  CHECK(same_bits(trained.parameters("half"),
                  train::finished_parameters(plan, 3, imported.folder.path(), at::kCPU)));
  REQUIRE(imported.run("half") == StageEnd::finished);
  CHECK(imported.reports.empty());

  trained.run("more");
  imported.run("more");
  CHECK(same_bits(trained.parameters("more"), imported.parameters("more")));

  // Of another size, and without its weights.
  ModelConfig wider = config;
  wider.q_lora_rank += 1;
  model.write("config.json", to_json(wider));
  std::filesystem::remove_all(imported.stage_folder("half"));
  CHECK(contains(refused("half"), "config.q_lora_rank is 17, the plan's model has 16"));
  model.write("config.json", to_json(config));
  REQUIRE(std::filesystem::remove(model / "model.safetensors"));
  CHECK(contains(message_of<Error>([&] {
                   train::import_stage(plan, "half", imported.folder.path(), model.path());
                 }),
                 model.path()));
}

TEST_CASE("a checkpoint that is foreign or damaged is refused by its field") {
  Training training(tiny_plan(4));
  training.run_steps("dense", 2);
  const std::string path = training.newest("dense");
  const auto refused = [&](const train::Plan& plan) {
    return message_of<Error>([&] { train::load_checkpoint(path, plan, 0, at::kCPU); });
  };
  REQUIRE(refused(training.plan).empty());

  const auto plan_with = [&](const std::function<void(nlohmann::json&, nlohmann::json&)>& edit) {
    nlohmann::json plan = tiny_plan(4), config = tiny_config();
    edit(plan, config);
    const ScratchFolder folder;
    return train::load_plan(write_plan(folder, plan, config));
  };
  using Json = nlohmann::json;
  CHECK(contains(refused(plan_with([](Json& plan, Json&) { plan["seed"] = 6; })), "seed"));
  CHECK(contains(
      refused(plan_with([](Json& plan, Json&) { plan["stages"][0]["learning_rate"] = 0.5; })),
      "stage.learning_rate is 0.01, the plan says 0.5"));
  CHECK(contains(refused(plan_with([](Json&, Json& config) { config["q_lora_rank"] = 20; })),
                 "config.q_lora_rank is 16, the plan's model has 20"));

  const auto damaged = [&](const std::string& file, auto edit) {
    const std::string whole = read_text(path + "/" + file);
    std::string text = whole;
    edit(text);
    write_text(path + "/" + file, text);
    const std::string message = refused(training.plan);
    write_text(path + "/" + file, whole);
    INFO(file << ": " << message);
    CHECK(contains(message, file));
    return message;
  };
  const auto flip_last = [](std::string& text) { text.back() = char(text.back() ^ 1); };
  const auto cut = [](std::string& text) { text.resize(text.size() / 2); };
  CHECK(contains(damaged("model.safetensors", flip_last), "weights"));
  CHECK(contains(damaged("optimizer.safetensors", flip_last), "moments"));
  damaged("model.safetensors", cut);
  damaged("optimizer.safetensors", cut);
  damaged("state.json", cut);
  const auto set = [](const char* key, const Json& value) {
    return [=](std::string& text) {
      Json json = Json::parse(text);
      json[key] = value;
      text = json.dump();
    };
  };
  for (const char* key : {"format", "step", "optimizer_steps", "seed", "config", "stage"}) {
    CHECK(contains(damaged("state.json", set(key, "x")), key));
    CHECK(contains(damaged("state.json", set(key, nullptr)), key));
  }
  CHECK(contains(damaged("state.json", set("step", 5)), "step"));
  CHECK(refused(training.plan).empty());
}

TEST_CASE("a step's sequences depend on seed, stage and step alone") {
  const ScratchFolder folder;
  const train::Plan plan = train::load_plan(write_plan(folder, tiny_plan(4)));
  const train::Batch batch = train::make_batch(plan, 1, 3), again = train::make_batch(plan, 1, 3);
  CHECK(at::equal(batch.tokens, again.tokens));
  CHECK(at::equal(batch.is_target, again.is_target));
  CHECK(batch.tokens.size(0) == 400 / 64);
  CHECK(batch.tokens.size(1) == 64);
  CHECK_FALSE(at::equal(batch.tokens, train::make_batch(plan, 1, 2).tokens));
  CHECK_FALSE(at::equal(batch.tokens, train::make_batch(plan, 2, 3).tokens));
  CHECK(batch.tokens.min().item<std::int64_t>() >= 0);
  CHECK(batch.tokens.max().item<std::int64_t>() < plan.config.vocab_size);
  const auto targets = batch.is_target.sum(1);
  CHECK(targets.min().item<std::int64_t>() > 0);
}

}  // namespace
}  // namespace dsabench::test
