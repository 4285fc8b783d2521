#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/model/shape_weights.h"
#include "engine/model/weights.h"
#include "engine/text/tokenizer.h"

namespace dsabench {

/// What --model and its companions ask for.
struct ModelRequest {
  /// A preset's name, a checkpoint directory, or a config file (.json) whose weights are generated.
  std::string model;
  std::string
      config_file;  ///< --config: a path, else relative to the checkpoint; empty: config.json
  std::vector<std::pair<std::string, std::string>> overrides;  ///< --set key=value on a shape model
  Picks picks = Picks::planted;
  std::uint64_t seed = 0;  ///< of generated weights
  Device device;
  DType dtype = DType::f32;  ///< f32, or bf16 on a GPU
};

/// A model ready to run: config, weights, tokenizer, and what it is.
struct LoadedModel {
  std::shared_ptr<const ModelConfig> config;
  std::shared_ptr<const Weights> weights;
  std::shared_ptr<const Tokenizer> tokenizer;  ///< null where the vocabulary has no tokenizer here
  bool synthetic = false;                      ///< generated weights: accuracy is chance
  std::string model_id, model_json;            ///< identity: config, weights' content, tokenizer
  std::vector<std::string> notices;            ///< what the user should know beside the weights'
};

/// f32 or bf16; empty text: f32 on the CPU, bf16 on a GPU. Throws InvalidArgument for another type,
/// and for one that the device does not take.
DType parse_engine_dtype(const std::string& text, Device device);

/// Whether the request's weights are generated: a preset's or a config file's.
bool has_generated_weights(const ModelRequest& request);

/// Resolves the config only: cheap, for plans and dry runs.
ModelConfig resolve_model_config(const ModelRequest& request);

struct TokenizerChoice {
  std::shared_ptr<const Tokenizer> tokenizer;  ///< null: there is none here
  std::string notice;                          ///< why, where the user should know
};
/// Bytes for generated weights with 256 entries or more, and for checkpoints without a tokenizer
/// file and with 256 to 512 entries (bytes and special tokens); else none.
TokenizerChoice resolve_tokenizer(const ModelRequest& request, const ModelConfig& config);

/// Resolves and loads. A name is a preset's where there is one; write ./name for a directory of the
/// same name. The weights go to the request's device. Throws UnsupportedDevice where that is
/// missing (says why), InvalidArgument for what is neither preset, directory nor .json file (lists
/// the presets) and for overrides of a checkpoint, OutOfMemory before loading or generating what
/// cannot fit in the device's memory that is free (bytes wanted and free).
LoadedModel load_model(const ModelRequest& request);

}  // namespace dsabench
