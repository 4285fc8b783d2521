#include "train/model_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/model/safetensors.h"
#include "engine/text/word_level_tokenizer.h"
#include "kernels/base/error.h"
#include "suites/facts/vocabulary.h"
#include "train/fp8_blocks.h"

namespace dsabench::train {
namespace {

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) throw IoError(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
}

/// Takes fused tensors apart, and holds the host copies that are written.
class CheckpointTensors {
 public:
  CheckpointTensors(const ModelConfig& config, DType dtype) : config_(config), dtype_(dtype) {}

  void add(const NamedParameter& parameter) {
    const std::string& name = parameter.name;
    const at::Tensor& tensor = parameter.tensor;
    if (parameter.kind == ParameterKind::router_bias) return add(name, tensor, DType::f32);
    if (const auto prefix = before(name, "experts.gate_up_proj")) {
      for (std::int64_t e = 0; e < tensor.size(0); ++e) {
        add_halves(fmt::format("{}experts.{}.", *prefix, e), tensor.select(0, e));
      }
    } else if (const auto of = before(name, "experts.down_proj")) {
      for (std::int64_t e = 0; e < tensor.size(0); ++e) {
        add(fmt::format("{}experts.{}.down_proj.weight", *of, e), tensor.select(0, e), dtype_);
      }
    } else if (const auto mlp = before(name, "gate_up_proj.weight")) {
      add_halves(*mlp, tensor);
    } else {
      add(name, tensor, dtype_);
    }
  }

  void write(const std::string& path) const {
    std::vector<std::pair<std::string, ConstTensorView>> views;
    for (const Entry& entry : entries_) {
      const std::vector<std::int64_t> shape = entry.tensor.sizes().vec();
      views.emplace_back(entry.name, ConstTensorView(entry.tensor.data_ptr(), entry.dtype, shape));
    }
    write_safetensors(path, views);
  }

 private:
  struct Entry {
    std::string name;
    at::Tensor tensor;
    DType dtype;
  };

  /// What stands before `suffix` in a name that ends with it.
  static std::optional<std::string> before(const std::string& name, std::string_view suffix) {
    if (!name.ends_with(suffix)) return std::nullopt;
    return name.substr(0, name.size() - suffix.size());
  }

  void add_halves(const std::string& prefix, const at::Tensor& gate_up) {
    const auto halves = gate_up.chunk(2, 0);
    add(prefix + "gate_proj.weight", halves[0], dtype_);
    add(prefix + "up_proj.weight", halves[1], dtype_);
  }

  void add(const std::string& name, const at::Tensor& tensor, DType dtype) {
    if (dtype == DType::f8_e4m3) {
      if (is_quantized(name)) return add_fp8(name, tensor);
      dtype = DType::bf16;
    }
    const auto type = dtype == DType::f32 ? at::kFloat : at::kBFloat16;
    entries_.push_back({name, tensor.detach().to(at::kCPU, type).contiguous(), dtype});
  }

  /// Published FP8 checkpoints keep embeddings, norms, routers and indexers' head weights wide.
  static bool is_quantized(const std::string& name) {
    if (name.ends_with("weights_proj.weight")) return false;
    return name.ends_with("_proj.weight") || name.ends_with("_proj_with_mqa.weight") ||
           name.ends_with("indexer.wq_b.weight") || name.ends_with("indexer.wk.weight");
  }

  void add_fp8(const std::string& name, const at::Tensor& tensor) {
    const Fp8Matrix matrix =
        quantize_blocks(tensor.to(at::kCPU), config_.fp8_block_rows, config_.fp8_block_columns);
    entries_.push_back({name, matrix.codes, DType::f8_e4m3});
    entries_.push_back({name + "_scale_inv", matrix.scales, DType::f32});
  }

  const ModelConfig& config_;
  DType dtype_;
  std::vector<Entry> entries_;
};

/// What other programs do not know by themselves; their defaults are those of models of other
/// sizes.
void add_what_others_read(const ModelConfig& config, nlohmann::json& json) {
  json["num_key_value_heads"] = config.num_heads;
  json["hidden_act"] = "silu";
  json["scoring_func"] = "sigmoid";
  json["topk_method"] = "noaux_tc";
  // Where the layers without experts are the first ones; mlp_layer_types says it in any case.
  const auto first_moe = std::find(config.is_moe.begin(), config.is_moe.end(), true);
  if (std::find(first_moe, config.is_moe.end(), false) == config.is_moe.end()) {
    json["first_k_dense_replace"] = first_moe - config.is_moe.begin();
    json["moe_layer_freq"] = 1;
  }
}

}  // namespace

ModelConfig config_for(ModelConfig config, const LayerPattern& pattern) {
  config.pattern_keys = {};
  if (pattern.num_full() < pattern.num_layers()) config.pattern_keys.pattern = pattern.letters();
  return config;
}

void write_model(const std::string& folder, const ModelConfig& config, const Parameters& parameters,
                 DType dtype) {
  nlohmann::json json = nlohmann::json::parse(to_json(config));
  const bool glm = config.family == ModelFamily::glm_moe_dsa;
  json["architectures"] = {glm ? "GlmMoeDsaForCausalLM" : "DeepseekV32ForCausalLM"};
  add_what_others_read(config, json);
  json["dtype"] = dtype == DType::f32 ? "float32" : "bfloat16";
  if (dtype == DType::f8_e4m3) {
    json["quantization_config"] = {
        {"quant_method", "fp8"},
        {"fmt", "e4m3"},
        {"activation_scheme", "dynamic"},
        {"weight_block_size", {config.fp8_block_rows, config.fp8_block_columns}}};
  }
  write_file(folder + "/config.json", json.dump(2) + "\n");
  CheckpointTensors tensors(config, dtype);
  for (const NamedParameter& parameter : parameters.named()) tensors.add(parameter);
  tensors.write(folder + "/model.safetensors");
}

void write_facts_tokenizer(const std::string& folder, const ModelConfig& config) {
  const auto words = facts::vocabulary();
  if (config.vocab_size < std::ssize(words)) {
    throw InvalidArgument(fmt::format("{}: vocab_size is {}, the facts have {} words", config.name,
                                      config.vocab_size, words.size()));
  }
  const WordLevelTokenizer tokenizer({{words.begin(), words.end()}, words[facts::kUnknown], {}},
                                     "facts vocabulary");
  write_file(folder + "/tokenizer.json", tokenizer.to_json() + "\n");
}

}  // namespace dsabench::train
