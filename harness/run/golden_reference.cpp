#include "harness/run/golden_reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/model/safetensors.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

template <class Value>
void append_as(ConstTensorView view, std::vector<std::int32_t>& out) {
  const auto* bytes = view.raw();
  for (std::int64_t i = 0; i < view.num_elements(); ++i) {
    Value value{};  // files do not promise alignment
    std::memcpy(&value, bytes + i * static_cast<std::int64_t>(sizeof(Value)), sizeof(Value));
    out.push_back(static_cast<std::int32_t>(value));
  }
}

std::vector<std::int32_t> read_integers(const SafetensorsFile& file, const std::string& name) {
  const ConstTensorView view = file.tensor(name);
  std::vector<std::int32_t> values;
  values.reserve(static_cast<std::size_t>(view.num_elements()));
  switch (view.dtype()) {
    case DType::i16:
      append_as<std::int16_t>(view, values);
      break;
    case DType::i32:
      append_as<std::int32_t>(view, values);
      break;
    case DType::i64:
      append_as<std::int64_t>(view, values);
      break;
    default:
      throw InvalidArgument(
          fmt::format("{}: {} must hold integers, got {}", file.path(), name, view.shape_string()));
  }
  return values;
}

std::vector<float> read_floats(const SafetensorsFile& file, const std::string& name) {
  const ConstTensorView view = file.tensor(name);
  if (view.dtype() != DType::f32) {
    throw InvalidArgument(
        fmt::format("{}: {} must be f32, got {}", file.path(), name, view.shape_string()));
  }
  std::vector<float> values(static_cast<std::size_t>(view.num_elements()));
  std::memcpy(values.data(), view.raw(), values.size() * sizeof(float));
  return values;
}

/// Checks a tensor's shape; -1 matches any size and is returned through `sizes`.
void expect_shape(const SafetensorsFile& file, const std::string& name,
                  std::initializer_list<std::int64_t> expected) {
  const ConstTensorView view = file.tensor(name);
  bool fits = view.rank() == static_cast<int>(expected.size());
  int at = 0;
  for (const std::int64_t dim : expected) {
    fits = fits && (dim < 0 || view.dim(at) == dim);
    ++at;
  }
  if (!fits) {
    throw InvalidArgument(fmt::format("{}: {} must have shape [{}], got {}", file.path(), name,
                                      fmt::join(expected, ", "), view.shape_string()));
  }
}

GoldenPrompt read_prompt(const SafetensorsFile& file, const std::string& name,
                         std::vector<std::string>& missing) {
  GoldenPrompt prompt;
  prompt.name = name;
  const auto has = [&](const std::string& tensor) {
    if (file.contains(tensor)) return true;
    missing.push_back(tensor);
    return false;
  };
  prompt.input_ids = read_integers(file, name + ".input_ids");
  const auto length = static_cast<std::int64_t>(prompt.input_ids.size());
  if (length == 0) throw InvalidArgument(file.path() + ": " + name + ".input_ids is empty");
  if (has(name + ".logits")) {
    expect_shape(file, name + ".logits", {length, -1});
    prompt.vocab = file.tensor(name + ".logits").dim(1);
    prompt.logits = read_floats(file, name + ".logits");
  }
  if (has(name + ".topk")) {
    expect_shape(file, name + ".topk", {-1, length, -1});
    prompt.layers = file.tensor(name + ".topk").dim(0);
    prompt.top_k = file.tensor(name + ".topk").dim(2);
    prompt.topk = read_integers(file, name + ".topk");
  }
  if (has(name + ".topk_margin")) {
    expect_shape(file, name + ".topk_margin", {prompt.layers > 0 ? prompt.layers : -1, length});
    prompt.topk_margin = read_floats(file, name + ".topk_margin");
  }
  if (has(name + ".gen")) prompt.generated = read_integers(file, name + ".gen");
  if (!prompt.generated.empty() && has(name + ".decode_logits")) {
    const auto steps = static_cast<std::int64_t>(prompt.generated.size()) - 1;
    expect_shape(file, name + ".decode_logits", {steps, prompt.vocab > 0 ? prompt.vocab : -1});
    prompt.vocab = file.tensor(name + ".decode_logits").dim(1);
    prompt.decode_logits = read_floats(file, name + ".decode_logits");
  }
  return prompt;
}

void read_conventions(const std::string& path, GoldenReference& reference) {
  std::ifstream stream(path);
  if (!stream) {
    reference.missing.push_back("golden.json");
    return;
  }
  const nlohmann::json document = nlohmann::json::parse(stream, nullptr, false);
  if (!document.is_object()) throw ParseError(path, "not a JSON object");
  const auto variant = document.find("variant");
  if (variant == document.end() || !variant->is_object()) {
    reference.missing.push_back("variant");
    return;
  }
  if (const auto key = variant->find("indexer_rope_interleave");
      key != variant->end() && key->is_boolean()) {
    reference.indexer_rope =
        key->get<bool>() ? ops::RopeLayout::interleaved : ops::RopeLayout::half_split;
  }
  if (const auto key = variant->find("latent_norm_eps");
      key != variant->end() && key->is_number()) {
    reference.latent_norm_eps = key->get<double>();
  }
}

}  // namespace

GoldenReference load_golden_reference(const std::string& directory) {
  const std::filesystem::path folder(directory);
  const SafetensorsFile file = SafetensorsFile::open((folder / "golden.safetensors").string());
  GoldenReference reference;
  constexpr std::string_view suffix = ".input_ids";
  for (const std::string& name : file.names()) {
    if (!name.ends_with(suffix)) continue;
    reference.prompts.push_back(
        read_prompt(file, name.substr(0, name.size() - suffix.size()), reference.missing));
  }
  if (reference.prompts.empty()) {
    throw InvalidArgument(file.path() + ": no tensor named pN.input_ids: nothing to verify");
  }
  read_conventions((folder / "golden.json").string(), reference);
  return reference;
}

}  // namespace dsabench
