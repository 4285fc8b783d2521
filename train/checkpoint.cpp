#define XXH_INLINE_ALL
#include "train/checkpoint.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/model/config_reader.h"
#include "engine/model/safetensors.h"
#include "engine/model/strict_json.h"
#include "kernels/base/error.h"
#include "train/model_files.h"

namespace dsabench::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::int64_t kFormat = 1;
constexpr std::int64_t kLargestState = 1 << 20;
constexpr std::int64_t kLargestMoments = std::int64_t{1} << 32;
constexpr std::string_view kPrefix = "step-";
constexpr const char* kMoments = "optimizer.safetensors";

fs::path step_path(const std::string& folder, std::int64_t step) {
  return fs::path(folder) / fmt::format("{}{}", kPrefix, step);
}

/// The number in "step-<n>", or nothing.
std::optional<std::int64_t> step_of(const fs::path& path) {
  const std::string name = path.filename().string();
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::int64_t step = 0;
  const char* begin = name.data() + kPrefix.size();
  const char* end = name.data() + name.size();
  const auto result = std::from_chars(begin, end, step);
  if (result.ec != std::errc() || result.ptr != end || step < 0) return std::nullopt;
  return step;
}

std::string hash_of_file(const std::string& path) {
  const std::string text = read_text_file(path, kLargestMoments);
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

ConstTensorView bf16_view(const at::Tensor& tensor) {
  return {tensor.data_ptr(), DType::bf16, {tensor.numel()}};
}

at::Tensor read_moments(const SafetensorsFile& file, const std::string& name) {
  const ConstTensorView view = file.tensor(name);
  if (view.dtype() != DType::bf16 || view.rank() != 1) {
    throw ParseError(file.path(), fmt::format("{} must be one row of bf16", name));
  }
  at::Tensor tensor = at::empty({view.dim(0)}, at::kBFloat16);
  std::memcpy(tensor.data_ptr(), view.raw(), std::size_t(view.bytes()));
  return tensor;
}

/// The first field of the stage in which a checkpoint's differs from the plan's.
void check_stage(const std::string& file, const json& found, const json& planned) {
  json fields = planned;
  fields.update(found);
  for (const auto& [key, value] : fields.items()) {
    const json was = found.value(key, json()), is = planned.value(key, json());
    if (was == is) continue;
    throw InvalidArgument(fmt::format("{}: stage.{} is {}, the plan says {}", file, key,
                                      json_excerpt(was), json_excerpt(is)));
  }
}

void check_config(const std::string& file, const json& found, const ModelConfig& config) {
  json planned = json::parse(to_json(config));
  for (const auto& [key, value] : found.items()) planned.emplace(key, nullptr);
  for (const auto& [key, value] : planned.items()) {
    const json was = found.value(key, json());
    if (was == value) continue;
    throw InvalidArgument(fmt::format("{}: config.{} is {}, the plan's model has {}", file, key,
                                      json_excerpt(was), json_excerpt(value)));
  }
}

/// state.json, held against the plan.
struct SavedState {
  std::int64_t step = 0, optimizer_steps = 0;
  std::string weights, moments;  ///< hashes
};
SavedState read_state(const std::string& path, const Plan& plan, std::size_t stage) {
  const std::string file = path + "/state.json";
  const json state = parse_strict_json(read_text_file(file, kLargestState), file);
  if (!state.is_object()) throw ParseError(file, "the state must be an object");
  ConfigReader reader(state, file);
  if (reader.required_integer("format", 0, kMaxConfigSize) != kFormat) {
    reader.fail("format", fmt::format("{}, which this build reads", kFormat));
  }
  for (const char* key : {"config", "stage"}) {
    if (!reader.is_object(key)) reader.fail(key, "an object");
  }
  check_config(file, state["config"], plan.config);
  check_stage(file, state["stage"], json::parse(plan.stage_json[stage]));
  const auto seed = static_cast<std::int64_t>(plan.seed);
  if (reader.required_integer("seed", 0, kMaxConfigSize) != seed) {
    reader.fail("seed", fmt::format("{}, the plan's", seed));
  }
  const std::int64_t steps = plan.stages[stage].learning_rate.steps;
  return {reader.required_integer("step", 0, steps),
          reader.required_integer("optimizer_steps", 0, steps),
          reader.string("weights").value_or(""), reader.string("moments").value_or("")};
}

bool is_finished(const SavedState& state, const Stage& stage) {
  return state.step >= stage.learning_rate.steps;
}

Parameters read_parameters(const std::string& path, const SavedState& state,
                           const at::Device& device) {
  const ModelConfig config = load_model_config(path + "/config.json");
  const Weights weights = load_weights(config, path);
  if (state.weights != weights.content_id) {
    throw ParseError(path + "/model.safetensors", "not the weights that state.json names");
  }
  return copy_parameters(weights, device);
}

}  // namespace

void save_checkpoint(const std::string& folder, const Plan& plan, std::size_t stage,
                     const Checkpoint& checkpoint) {
  const fs::path path = step_path(folder, checkpoint.step);
  const fs::path unfinished = path.string() + ".unfinished";
  std::error_code ignored;
  fs::remove_all(unfinished, ignored);
  try {
    fs::create_directories(unfinished);
    const ModelConfig config = config_for(plan.config, plan.stages[stage].pattern);
    write_model(unfinished.string(), config, checkpoint.parameters, DType::f32);
    json state = {{"format", kFormat},
                  {"step", checkpoint.step},
                  {"optimizer_steps", checkpoint.optimizer.num_steps},
                  {"seed", plan.seed},
                  {"config", json::parse(to_json(plan.config))},
                  {"stage", json::parse(plan.stage_json[stage])},
                  {"weights", load_weights(config, unfinished.string()).content_id}};
    if (checkpoint.optimizer.first.defined()) {
      const std::string moments = (unfinished / kMoments).string();
      write_safetensors(moments, {{"first", bf16_view(checkpoint.optimizer.first)},
                                  {"second", bf16_view(checkpoint.optimizer.second)}});
      state["moments"] = hash_of_file(moments);
    }
    std::ofstream file(unfinished / "state.json");
    file << state.dump(2) << '\n';
    file.close();
    if (!file) throw IoError(fmt::format("cannot write {}/state.json", unfinished.string()));
    fs::remove_all(path);
    fs::rename(unfinished, path);
    std::vector<std::int64_t> older;
    for (const auto& entry : fs::directory_iterator(folder)) {
      const auto step = step_of(entry.path());
      if (step && *step < checkpoint.step) older.push_back(*step);
    }
    std::sort(older.begin(), older.end());
    if (!older.empty()) older.pop_back();
    for (const std::int64_t step : older) fs::remove_all(step_path(folder, step));
  } catch (const fs::filesystem_error& error) {
    throw IoError(fmt::format("cannot write {}: {}", path.string(), error.code().message()));
  }
}

void import_model(const std::string& folder, const Plan& plan, std::size_t stage,
                  const std::string& model) {
  if (const auto path = newest_checkpoint(folder)) {
    throw InvalidArgument(fmt::format("stage {} has begun: {}", plan.stages[stage].name, *path));
  }
  const std::string file = model + "/config.json";
  const ModelConfig config = load_model_config(file);
  check_config(file, json::parse(to_json(config)),
               config_for(plan.config, plan.stages[stage].pattern));
  Checkpoint checkpoint;
  checkpoint.step = plan.stages[stage].learning_rate.steps;
  checkpoint.parameters = copy_parameters(load_weights(config, model), at::kCPU);
  save_checkpoint(folder, plan, stage, checkpoint);
}

void discard_checkpoint(const std::string& folder, std::int64_t step) {
  std::error_code ignored;
  if (newest_checkpoint(folder) == step_path(folder, step).string()) {
    fs::remove_all(step_path(folder, step), ignored);
  }
}

std::optional<std::string> newest_checkpoint(const std::string& folder) {
  std::error_code absent;
  std::optional<std::int64_t> newest;
  std::string path;
  for (const auto& entry : fs::directory_iterator(folder, absent)) {
    const auto step = step_of(entry.path());
    if (!step || (newest && *step < *newest)) continue;
    newest = step;
    path = entry.path().string();
  }
  if (!newest) return std::nullopt;
  return path;
}

Checkpoint load_checkpoint(const std::string& path, const Plan& plan, std::size_t stage,
                           const at::Device& device) {
  const SavedState state = read_state(path, plan, stage);
  const std::string moments = path + "/" + kMoments;
  if (state.moments != hash_of_file(moments)) {
    throw ParseError(moments, "not the moments that state.json names");
  }
  const SafetensorsFile opened = SafetensorsFile::open(moments);
  Checkpoint checkpoint;
  checkpoint.step = state.step;
  checkpoint.optimizer.num_steps = state.optimizer_steps;
  checkpoint.optimizer.first = read_moments(opened, "first");
  checkpoint.optimizer.second = read_moments(opened, "second");
  checkpoint.parameters = read_parameters(path, state, device);
  return checkpoint;
}

bool is_finished(const std::string& path, const Plan& plan, std::size_t stage) {
  return is_finished(read_state(path, plan, stage), plan.stages[stage]);
}

Parameters load_finished(const std::string& path, const Plan& plan, std::size_t stage,
                         const at::Device& device) {
  const SavedState state = read_state(path, plan, stage);
  const Stage& wanted = plan.stages[stage];
  if (!is_finished(state, wanted)) {
    throw InvalidArgument(fmt::format("stage {} has done {} of {} steps in {}", wanted.name,
                                      state.step, wanted.learning_rate.steps, path));
  }
  return read_parameters(path, state, device);
}

}  // namespace dsabench::train
