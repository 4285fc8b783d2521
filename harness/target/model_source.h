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

/// Throws InvalidArgument for a name that is no device, and UnsupportedDevice for one that this
/// build's engine cannot run on.
void require_engine_device(const std::string& device);

/// Whether the request's weights are generated: a preset's or a config file's.
bool has_generated_weights(const ModelRequest& request);

/// Resolves the config only: cheap, for plans and dry runs.
ModelConfig resolve_model_config(const ModelRequest& request);
/// Resolves and loads. A name is a preset's where there is one; write ./name for a directory of the
/// same name. Throws InvalidArgument for what is neither preset, directory nor .json file (lists
/// the presets) and for overrides of a checkpoint, OutOfMemory before loading or generating what
/// cannot fit in the memory that is free (bytes wanted and free).
///
/// Tokenizer: bytes for generated weights with 256 entries or more, and for checkpoints without a
/// tokenizer file and with 256 to 512 entries (bytes and special tokens); else none, with a notice.
LoadedModel load_model(const ModelRequest& request);

}  // namespace dsabench
