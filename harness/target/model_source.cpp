#include "harness/target/model_source.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/model/model_preset.h"
#include "engine/model/safetensors.h"
#include "engine/model/weight_placement.h"
#include "engine/text/tokenizer_file.h"
#include "harness/plan/layer_slice.h"
#include "harness/plan/memory_estimate.h"
#include "harness/plan/value_lists.h"
#include "harness/run/peak_memory.h"
#include "harness/target/builtin_checkpoints.h"
#include "kernels/base/device.h"
#include "kernels/base/error.h"
#include "kernels/cuda/device_queue.h"
#include "results/identity.h"
#include "results/layer_list.h"

namespace dsabench {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNumBytes = 256;
constexpr std::int64_t kMaxByteLevelVocab = 512;

enum class SourceKind { preset, builtin, directory, config_file };

SourceKind source_kind(const ModelRequest& request) {
  if (find_preset(request.model) != nullptr) return SourceKind::preset;
  if (find_builtin(request.model) != nullptr) return SourceKind::builtin;
  std::error_code no_path;  // a name that cannot be a path names no file
  if (fs::is_directory(request.model, no_path)) return SourceKind::directory;
  if (fs::is_regular_file(request.model, no_path) &&
      fs::path(request.model).extension() == ".json") {
    return SourceKind::config_file;
  }
  std::string names;
  for (const ModelPreset& known : model_presets()) {
    names += (names.empty() ? "" : ", ") + known.name;
  }
  for (const BuiltinCheckpoint& known : builtin_checkpoints()) names += ", " + known.name;
  throw InvalidArgument(
      fmt::format("--model: expected a name ({}), a checkpoint directory or a config .json, got "
                  "'{}'",
                  names, request.model));
}

std::string config_path(const ModelRequest& request) {
  if (request.config_file.empty()) return (fs::path(request.model) / "config.json").string();
  std::error_code no_path;
  if (fs::exists(request.config_file, no_path)) return request.config_file;
  return (fs::path(request.model) / request.config_file).string();
}

/// "dir/name/" and "dir/name" are one model.
std::string directory_name(const std::string& directory) {
  const fs::path path = fs::absolute(directory).lexically_normal();
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

std::string read_text(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) throw IoError(fmt::format("cannot read {}", path));
  return text.str();
}

void check_memory(const ModelConfig& config, const WeightPlacement& placement,
                  const ModelRequest& request) {
  const std::int64_t wanted = config.num_parameters() * dtype_bytes(placement.dtype);
  const bool on_host = placement.queue == nullptr;
  const std::int64_t available = on_host ? available_memory_bytes() : placement.queue->free_bytes();
  if (available < 0 || wanted <= available) return;
  throw OutOfMemory(
      fmt::format("{} needs {} bytes for its weights in {}, {} bytes are free on {}; {}",
                  config.name, wanted, dtype_name(placement.dtype), available,
                  on_host ? "cpu" : placement.queue->device().name(),
                  advice_for_weights(resolve_whole_config(request), dtype_bytes(placement.dtype),
                                     available, has_generated_weights(request))),
      wanted);
}

std::string identity_json(const LoadedModel& model, const ModelRequest& request) {
  nlohmann::json json;
  json["config"] = nlohmann::json::parse(to_json(*model.config));
  json["weights"] = model.weights->content_id;
  json["tokenizer"] =
      model.tokenizer ? nlohmann::json(model.tokenizer->id()) : nlohmann::json(nullptr);
  if (model.identity.synthetic) {
    json["generated"] = {{"picks", picks_name(request.picks)}, {"seed", request.seed}};
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Weights load_or_generate(const ModelConfig& config, const ModelRequest& request,
                         const WeightPlacement& placement) {
  if (has_generated_weights(request)) {
    return generate_shape_weights(config, request.picks, request.seed, placement);
  }
  if (const BuiltinCheckpoint* builtin = find_builtin(request.model)) {
    return load_weights(config, CheckpointFiles::from_memory(builtin->safetensors, builtin->name),
                        placement);
  }
  return load_weights(config, request.model, placement);
}

/// Throws InvalidArgument where the tokenizer has tokens that the model does not.
std::shared_ptr<const Tokenizer> fitting(std::shared_ptr<const Tokenizer> tokenizer,
                                         const std::string& path, std::int64_t vocab) {
  if (tokenizer->vocab_size() <= vocab) return tokenizer;
  throw InvalidArgument(fmt::format("{}: must have at most the model's {} tokens, got {}", path,
                                    vocab, tokenizer->vocab_size()));
}

}  // namespace

DType parse_engine_dtype(const std::string& text, Device device) {
  if (text.empty()) return device.is_cpu() ? DType::f32 : DType::bf16;
  if (text == dtype_name(DType::f32)) return DType::f32;
  if (text != dtype_name(DType::bf16)) {
    throw InvalidArgument(fmt::format("dtype: expected f32 or bf16, got '{}'", text));
  }
  if (device.is_cpu()) throw InvalidArgument("dtype bf16: the CPU computes in f32");
  return DType::bf16;
}

bool has_generated_weights(const ModelRequest& request) {
  const SourceKind kind = source_kind(request);
  return kind == SourceKind::preset || kind == SourceKind::config_file;
}

ModelConfig resolve_model_config(const ModelRequest& request) {
  ModelConfig whole = resolve_whole_config(request);
  if (request.layers.empty()) return whole;
  if (!has_generated_weights(request)) {
    throw InvalidArgument(
        fmt::format("--layers {}: of checkpoint {} all layers run; some in place of all are for "
                    "generated weights",
                    layer_list_text(request.layers), request.model));
  }
  return slice_config(whole, request.layers);
}

std::vector<std::int64_t> choose_layers(const ModelRequest& request, std::string_view option,
                                        std::string_view text) {
  if (text.empty()) return {};
  ModelRequest sliced = request;
  sliced.layers = parse_layers(option, text);
  resolve_model_config(sliced);
  const bool all = std::ssize(sliced.layers) == resolve_whole_config(request).num_layers;
  return all ? std::vector<std::int64_t>() : sliced.layers;
}

ModelConfig resolve_whole_config(const ModelRequest& request) {
  const SourceKind kind = source_kind(request);
  if (kind != SourceKind::directory && !request.config_file.empty()) {
    throw InvalidArgument(fmt::format("--config {}: {} is no checkpoint directory",
                                      request.config_file, request.model));
  }
  if (kind == SourceKind::preset) return preset_config(preset(request.model), request.overrides);
  if (kind == SourceKind::config_file) {
    ModelConfig config = parse_model_config(
        apply_overrides(read_text(request.model), request.overrides), request.model);
    config.name = fs::path(request.model).stem().string();
    return config;
  }
  if (!request.overrides.empty()) {
    throw InvalidArgument(fmt::format("--set {}: the sizes of checkpoint {} are those of its files",
                                      request.overrides.front().first, request.model));
  }
  const BuiltinCheckpoint* builtin = find_builtin(request.model);
  ModelConfig config = builtin != nullptr
                           ? parse_model_config(std::string(builtin->config_json), request.model)
                           : load_model_config(config_path(request));
  config.name = builtin != nullptr ? builtin->name : directory_name(request.model);
  return config;
}

TokenizerChoice resolve_tokenizer(const ModelRequest& request, const ModelConfig& config) {
  const std::int64_t vocab = config.vocab_size;
  if (has_generated_weights(request)) {
    if (vocab < kNumBytes) return {};
    return {std::make_shared<ByteTokenizer>(), ""};
  }
  if (const BuiltinCheckpoint* builtin = find_builtin(request.model)) {
    const std::string text(builtin->tokenizer_json);
    return {fitting(read_tokenizer(text, request.model), request.model, vocab), ""};
  }
  for (const char* file : {"tokenizer.json", "tokenizer.model"}) {
    const std::string path = (fs::path(request.model) / file).string();
    if (!fs::exists(path)) continue;
    if (fs::path(path).extension() == ".json") {
      if (auto tokenizer = load_tokenizer(path))
        return {fitting(std::move(tokenizer), path, vocab), ""};
    }
    return {nullptr,
            fmt::format("{} is not read by this build: suites that ask in text are refused", file)};
  }
  if (vocab >= kNumBytes && vocab <= kMaxByteLevelVocab) {
    return {std::make_shared<ByteTokenizer>(), ""};
  }
  return {nullptr, fmt::format("no tokenizer for a vocabulary of {}: suites that ask in text are "
                               "refused",
                               vocab)};
}

LoadedModel load_model(const ModelRequest& request) {
  LoadedModel model;
  model.config = std::make_shared<ModelConfig>(resolve_model_config(request));
  const bool generated = has_generated_weights(request);
  const WeightPlacement placement{cuda::device_queue(request.device), request.dtype};
  check_placement(placement);
  check_memory(*model.config, placement, request);
  model.weights = std::make_shared<Weights>(load_or_generate(*model.config, request, placement));
  model.host_attention = std::make_shared<HostAttention>(model.weights);
  TokenizerChoice tokenizer = resolve_tokenizer(request, *model.config);
  model.tokenizer = std::move(tokenizer.tokenizer);
  if (!tokenizer.notice.empty()) model.notices.push_back(std::move(tokenizer.notice));
  if (!request.layers.empty()) {
    model.notices.push_back(fmt::format(
        "layers {} of the {} of {} run, with weights generated as layers 0 to {}; times of the "
        "whole are extrapolated",
        layer_list_text(request.layers), resolve_whole_config(request).num_layers,
        model.config->name, model.config->num_layers - 1));
  }
  model.identity.synthetic = generated;
  model.identity.json = identity_json(model, request);
  model.identity.id = content_hash(model.identity.json);
  return model;
}

}  // namespace dsabench
