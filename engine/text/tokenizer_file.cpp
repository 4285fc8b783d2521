#include "engine/text/tokenizer_file.h"

#include <nlohmann/json.hpp>

#include "engine/model/strict_json.h"
#include "engine/text/word_level_tokenizer.h"

namespace dsabench {
namespace {

using nlohmann::json;

constexpr std::int64_t kMaxFileBytes = std::int64_t{1} << 28;

/// model.type, read without keeping the rest, which may be a vocabulary of many megabytes; empty
/// where there is none.
std::string model_type(const std::string& text) {
  const auto keep = [](int depth, json::parse_event_t event, json& parsed) {
    if (event != json::parse_event_t::key) return true;
    return (depth == 1 && parsed == "model") || (depth == 2 && parsed == "type");
  };
  const json root = json::parse(text, keep, false);
  if (!root.is_object() || !root.contains("model")) return "";
  const json& model = root["model"];
  const auto type = model.is_object() ? model.find("type") : model.end();
  return type != model.end() && type->is_string() ? type->get<std::string>() : "";
}

}  // namespace

std::shared_ptr<const Tokenizer> read_tokenizer(const std::string& text,
                                                const std::string& origin) {
  if (model_type(text) != "WordLevel") return nullptr;
  return std::make_shared<WordLevelTokenizer>(WordLevelTokenizer::from_json(text, origin));
}

std::shared_ptr<const Tokenizer> load_tokenizer(const std::string& path) {
  return read_tokenizer(read_text_file(path, kMaxFileBytes), path);
}

}  // namespace dsabench
