#include "train/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/model/config_reader.h"
#include "engine/model/strict_json.h"
#include "kernels/base/error.h"
#include "suites/facts/task_list.h"
#include "suites/facts/vocabulary.h"

namespace dsabench::train {
namespace {

using nlohmann::json;

constexpr std::int64_t kLargestPlan = 1 << 20;
constexpr std::int64_t kMost = std::int64_t{1} << 31;

double required_number(ConfigReader& reader, std::string_view key, double min, double max) {
  const auto value = reader.number(key);
  if (!value || !(*value >= min && *value <= max)) {
    reader.fail(key, fmt::format("a number from {} to {}", min, max));
  }
  return *value;
}

std::string required_string(ConfigReader& reader, std::string_view key) {
  const auto value = reader.string(key);
  if (!value || value->empty()) reader.fail(key, "a name");
  return *value;
}

/// The objects of a list.
const json& list(const json& object, const std::string& key, const std::string& origin) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_array() || at->empty() ||
      !std::all_of(at->begin(), at->end(), [](const json& entry) { return entry.is_object(); })) {
    throw InvalidArgument(fmt::format("{}: {} must be a list of objects", origin, key));
  }
  return *at;
}

void refuse_unknown(const ConfigReader& reader) {
  const auto unknown = reader.unknown_keys();
  if (!unknown.empty()) reader.fail(unknown.front(), "left out: there is no such field");
}

std::vector<std::string> read_tasks(ConfigReader& reader, const json& level) {
  reader.ignore("tasks");
  const auto names = level.find("tasks");
  if (names == level.end()) return {};
  std::vector<std::string> tasks;
  for (const facts::NamedTask& task : facts::all_tasks()) {
    if (std::find(names->begin(), names->end(), task.name) != names->end())
      tasks.push_back(task.name);
  }
  if (!names->is_array() || tasks.empty() || tasks.size() != names->size()) {
    reader.fail("tasks", "a list of tasks of the facts suites, each once");
  }
  return tasks;
}

Level read_level(const json& object, const std::string& origin, const std::string& prefix,
                 const ModelConfig& config) {
  ConfigReader reader(object, origin, prefix);
  Level level;
  level.length = reader.required_integer("length", 8, config.max_positions);
  level.records = reader.required_integer("records", 1, 1024);
  level.queries = reader.integer("queries", 1, 1024).value_or(level.queries);
  level.one_task = reader.boolean("one_task").value_or(false);
  level.every_question = reader.boolean("every_question").value_or(false);
  level.tasks = read_tasks(reader, object);
  if (reader.has("weight")) level.weight = required_number(reader, "weight", 1e-6, 1e6);
  refuse_unknown(reader);
  return level;
}

std::vector<Course> read_courses(const json& stage, const std::string& origin,
                                 const ModelConfig& config) {
  std::vector<Course> courses;
  for (const json& object : list(stage, "courses", origin)) {
    const std::string prefix = fmt::format("courses[{}].", courses.size());
    ConfigReader reader(object, origin, prefix);
    Course course;
    const std::int64_t least = courses.empty() ? 0 : courses.back().first_step + 1;
    course.first_step = reader.required_integer("first_step", least, courses.empty() ? 0 : kMost);
    reader.ignore("levels");
    refuse_unknown(reader);
    for (const json& level : list(object, "levels", origin)) {
      course.levels.push_back(read_level(
          level, origin, fmt::format("{}levels[{}].", prefix, course.levels.size()), config));
    }
    courses.push_back(std::move(course));
  }
  return courses;
}

LayerPattern read_pattern(ConfigReader& reader, const ModelConfig& config) {
  constexpr std::string_view kUniform = "uniform ";
  const std::string text = required_string(reader, "pattern");
  try {
    if (text.starts_with(kUniform)) {
      return LayerPattern::uniform(config.num_layers,
                                   Retention::parse(text.substr(kUniform.size())));
    }
    const LayerPattern pattern = LayerPattern::from_letters(text);
    if (pattern.num_layers() == config.num_layers) return pattern;
  } catch (const InvalidArgument&) {
    // told below, with file and field
  }
  reader.fail("pattern", fmt::format("\"uniform 1/n\" or {} letters F and S, the first of them F",
                                     config.num_layers));
}

/// The value of `key` among names.
template <class Value>
Value one_of(ConfigReader& reader, std::string_view key,
             const std::vector<std::pair<std::string, Value>>& values) {
  const std::string text = required_string(reader, key);
  std::string names;
  for (const auto& [name, value] : values) {
    if (name == text) return value;
    names += (names.empty() ? "" : ", ") + name;
  }
  reader.fail(key, "one of " + names);
}

std::int64_t read_top_k(ConfigReader& reader, const ModelConfig& config, Attention attention) {
  const auto top_k = reader.integer("index_topk", 1, kMost);
  if (top_k && attention == Attention::dense)
    reader.fail("index_topk", "absent under dense attention");
  return top_k.value_or(config.index_top_k);
}

void read_learning(ConfigReader& reader, Stage& stage) {
  using Learns = std::pair<bool, bool>;
  const auto learns = one_of<Learns>(
      reader, "learns",
      {{"model", {true, false}}, {"indexers", {false, true}}, {"both", {true, true}}});
  stage.model_learns = learns.first;
  stage.indexers_learn = learns.second;
  if (stage.model_learns) stage.balance_step = required_number(reader, "balance_step", 0, 1);
  if (!stage.indexers_learn) return;
  stage.target = one_of<IndexerTarget>(reader, "target",
                                       {{"own", IndexerTarget::own},
                                        {"mean_of_losses", IndexerTarget::mean_of_losses},
                                        {"loss_of_the_mean", IndexerTarget::loss_of_the_mean}});
  stage.indexer_loss_weight = required_number(reader, "indexer_loss_weight", 1e-9, 1e9);
}

void read_steps(ConfigReader& reader, Stage& stage) {
  LearningRate& rate = stage.learning_rate;
  rate.steps = reader.required_integer("steps", 1, kMost);
  rate.warmup_steps = reader.required_integer("warmup_steps", 0, rate.steps);
  rate.peak = required_number(reader, "learning_rate", 0, 1e30);
  rate.last = required_number(reader, "last_learning_rate", 0, rate.peak);
  AdamOptions& adam = stage.adam;
  adam.beta1 = required_number(reader, "beta1", 0, 0.9999);
  adam.beta2 = required_number(reader, "beta2", 0, 0.9999);
  adam.weight_decay = required_number(reader, "weight_decay", 0, 10);
  adam.clip_norm = required_number(reader, "clip_norm", 1e-9, 1e30);
  stage.tokens_per_step = reader.required_integer("tokens_per_step", 1, kMost);
  stage.tokens_at_once = reader.required_integer("tokens_at_once", 1, kMost);
  stage.checkpoint_every = reader.required_integer("checkpoint_every", 1, kMost);
}

Stage read_stage(const json& object, const std::string& origin, const ModelConfig& config,
                 const std::vector<Stage>& before) {
  ConfigReader reader(object, origin);
  Stage stage;
  stage.name = required_string(reader, "name");
  if (stage.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") != std::string::npos) {
    reader.fail("name", "small letters, digits, - and _");
  }
  const auto is_named = [](const std::string& name) {
    return [&name](const Stage& other) { return other.name == name; };
  };
  if (std::any_of(before.begin(), before.end(), is_named(stage.name))) {
    reader.fail("name", "another one than earlier stages have");
  }
  stage.from = reader.string("from").value_or("");
  if (!stage.from.empty() && std::none_of(before.begin(), before.end(), is_named(stage.from))) {
    reader.fail("from", "the name of an earlier stage");
  }
  stage.pattern = read_pattern(reader, config);
  stage.attention = one_of<Attention>(reader, "attention",
                                      {{"dense", Attention::dense},
                                       {"sparse_shared", Attention::sparse_shared},
                                       {"sparse", Attention::sparse}});
  stage.index_top_k = read_top_k(reader, config, stage.attention);
  read_learning(reader, stage);
  read_steps(reader, stage);
  reader.ignore("courses");
  refuse_unknown(reader);
  stage.courses = read_courses(object, origin, config);
  for (const Course& course : stage.courses) {
    for (const Level& level : course.levels) {
      if (level.length > std::min(stage.tokens_at_once, stage.tokens_per_step)) {
        reader.fail("tokens_at_once", fmt::format("at least a level's length of {}", level.length));
      }
    }
  }
  return stage;
}

}  // namespace

const Course& Stage::course(std::int64_t step) const {
  const Course* found = &courses.front();
  for (const Course& course : courses) {
    if (course.first_step <= step) found = &course;
  }
  return *found;
}

std::size_t Plan::stage_index(const std::string& name) const {
  std::string names;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    if (stages[i].name == name) return i;
    names += (names.empty() ? "" : ", ") + stages[i].name;
  }
  throw InvalidArgument(fmt::format("the plan has the stages {}, not {}", names, name));
}

Plan load_plan(const std::string& path) {
  const json root = parse_strict_json(read_text_file(path, kLargestPlan), path);
  if (!root.is_object()) throw ParseError(path, "a plan must be an object");
  ConfigReader reader(root, path);
  Plan plan;
  const std::filesystem::path model = required_string(reader, "model");
  plan.config = load_model_config((std::filesystem::path(path).parent_path() / model).string());
  if (plan.config.vocab_size < facts::kVocabularySize) {
    reader.fail("model",
                fmt::format("a config whose vocab_size is at least {}", facts::kVocabularySize));
  }
  plan.seed = static_cast<std::uint64_t>(reader.required_integer("seed", 0, kMost));
  reader.ignore("stages");
  refuse_unknown(reader);
  for (const json& stage : list(root, "stages", path)) {
    const std::string origin = fmt::format("{}: stage {}", path, plan.stages.size() + 1);
    plan.stages.push_back(read_stage(stage, origin, plan.config, plan.stages));
    plan.stage_json.push_back(stage.dump());
  }
  return plan;
}

}  // namespace dsabench::train
