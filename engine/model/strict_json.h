#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace dsabench {

/// Deepest nesting that a foreign JSON document may have.
inline constexpr int kMaxJsonDepth = 64;

/// Parses foreign JSON text. `origin` names the document in messages. Throws ParseError, with the
/// byte offset where the parser knows it, for malformed text, a key given twice in one object (the
/// readers of such a file would disagree about its value) and nesting beyond kMaxJsonDepth.
nlohmann::json parse_strict_json(std::string_view text, const std::string& origin);

/// A value as messages show it: compact, at most 60 characters.
std::string json_excerpt(const nlohmann::json& value);

/// Reads a whole text file. Throws IoError where it cannot be read and ParseError beyond
/// `max_bytes`.
std::string read_text_file(const std::string& path, std::int64_t max_bytes);

}  // namespace dsabench
