#pragma once
#include <string>

#include "engine/model/layer_pattern.h"
#include "engine/model/model_config.h"
#include "train/parameters.h"

namespace dsabench::train {

/// The config of a model trained for a pattern: its pattern keys name it, unless every layer is
/// Full.
ModelConfig config_for(ModelConfig config, const LayerPattern& pattern);

/// Writes config.json and model.safetensors under the names of the Hugging Face checkpoint, into a
/// folder that is there. Matrices, norms and embeddings as `dtype`: f32, bf16 to the nearest, or
/// f8_e4m3 with a scale for each of the config's blocks, where only linear maps are FP8 and the
/// rest is bf16. The router's bias is f32. Throws IoError where that fails.
void write_model(const std::string& folder, const ModelConfig& config, const Parameters& parameters,
                 DType dtype);

/// Writes tokenizer.json: the closed vocabulary of the facts suites. Throws InvalidArgument where
/// the config's vocab_size is smaller.
void write_facts_tokenizer(const std::string& folder, const ModelConfig& config);

}  // namespace dsabench::train
