#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/model/host_attention.h"
#include "engine/model/shape_weights.h"
#include "engine/model/weights.h"
#include "engine/text/tokenizer.h"
#include "harness/target/device_choice.h"

namespace dsabench {

/// What --model and its companions ask for.
struct ModelRequest {
  /// A preset's or built-in checkpoint's name, a checkpoint directory, or a config file (.json)
  /// whose weights are generated.
  std::string model;
  std::string
      config_file;  ///< --config: a path, else relative to the checkpoint; empty: config.json
  std::vector<std::pair<std::string, std::string>> overrides;  ///< --set key=value on a shape model
  /// --layers: those of the model that run, where its weights are generated; empty: all.
  std::vector<std::int64_t> layers;
  Picks picks = Picks::planted;
  std::uint64_t seed = 0;  ///< of generated weights
  Device device;
  bool every_gpu = false;    ///< trials are spread over all GPUs: `device` is the first
  DType dtype = DType::f32;  ///< f32, or bf16 on a GPU

  DeviceChoice device_choice() const { return {device, every_gpu}; }
  void choose(const DeviceChoice& choice) {
    device = choice.device;
    every_gpu = choice.every;
  }
};

/// What a model is, for results: a hash of the JSON beside it.
struct ModelIdentity {
  std::string id, json;
  bool synthetic = false;  ///< generated weights: accuracy is chance
};

/// A model ready to run: config, weights, tokenizer, and what it is.
struct LoadedModel {
  std::shared_ptr<const ModelConfig> config;
  std::shared_ptr<const Weights> weights;
  std::shared_ptr<HostAttention> host_attention;  ///< of the weights: what verification reads
  std::shared_ptr<const Tokenizer> tokenizer;  ///< null where the vocabulary has no tokenizer here
  ModelIdentity identity;                      ///< of config, weights' content, tokenizer
  std::vector<std::string> notices;            ///< what the user should know beside the weights'
};

/// f32 or bf16; empty text: f32 on the CPU, bf16 on a GPU. Throws InvalidArgument for another type,
/// and for one that the device does not take.
DType parse_engine_dtype(const std::string& text, Device device);

/// Whether the request's weights are generated: a preset's or a config file's.
bool has_generated_weights(const ModelRequest& request);

/// Resolves the config only: cheap, for plans and dry runs. Of a request for some layers it has
/// these alone. Throws InvalidArgument, also for layers of a checkpoint and for one that the model
/// does not have.
ModelConfig resolve_model_config(const ModelRequest& request);
/// With all layers.
ModelConfig resolve_whole_config(const ModelRequest& request);

/// What `request.layers` becomes for this text, "0,3-6": empty where it names every layer of the
/// model, and for an empty text. Throws as parse_layers (value_lists.h), naming `option`, and as
/// resolve_model_config.
std::vector<std::int64_t> choose_layers(const ModelRequest& request, std::string_view option,
                                        std::string_view text);

struct TokenizerChoice {
  std::shared_ptr<const Tokenizer> tokenizer;  ///< null: there is none here
  std::string notice;                          ///< why, where the user should know
};
/// A checkpoint's tokenizer.json of type WordLevel. Bytes for generated weights with 256 entries or
/// more, and for checkpoints without a tokenizer file and with 256 to 512 entries (bytes and
/// special tokens). Else none. Throws as load_tokenizer(), and InvalidArgument where a tokenizer
/// has more tokens than the model.
TokenizerChoice resolve_tokenizer(const ModelRequest& request, const ModelConfig& config);

/// Resolves and loads. A name is a preset's where there is one; write ./name for a directory of the
/// same name. The weights go to the request's device. Throws UnsupportedDevice where that is
/// missing (says why), InvalidArgument for what is neither preset, directory nor .json file (lists
/// the presets) and for overrides of a checkpoint, OutOfMemory before loading or generating what
/// cannot fit in the device's memory that is free (bytes wanted and free).
LoadedModel load_model(const ModelRequest& request);

}  // namespace dsabench
