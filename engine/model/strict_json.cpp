#include "engine/model/strict_json.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

using nlohmann::json;

/// Parser callback that refuses what nlohmann's parser lets through.
class StructureCheck {
 public:
  explicit StructureCheck(const std::string& origin) : origin_(origin) {}

  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        if (depth >= kMaxJsonDepth) {
          throw ParseError(origin_, fmt::format("JSON nested deeper than {}", kMaxJsonDepth));
        }
        if (event == json::parse_event_t::object_start) keys_.emplace_back();
        break;
      case json::parse_event_t::key: {
        const auto& key = parsed.get_ref<const std::string&>();
        if (!keys_.back().insert(key).second) {
          throw ParseError(origin_, fmt::format("key given twice: {}", json_excerpt(parsed)));
        }
        break;
      }
      case json::parse_event_t::object_end:
        keys_.pop_back();
        break;
      case json::parse_event_t::array_end:
      case json::parse_event_t::value:
        break;
    }
    return true;
  }

 private:
  const std::string& origin_;
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

json parse_strict_json(std::string_view text, const std::string& origin) {
  try {
    return json::parse(text.begin(), text.end(), StructureCheck(origin));
  } catch (const json::parse_error& error) {
    throw ParseError(origin,
                     fmt::format("malformed JSON at byte {}: {}", error.byte, error.what()));
  } catch (const json::exception& error) {  // a number beyond the range of double
    throw ParseError(origin, fmt::format("malformed JSON: {}", error.what()));
  }
}

std::string json_excerpt(const json& value) {
  constexpr std::size_t kLongest = 60;
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > kLongest) text = text.substr(0, kLongest - 3) + "...";
  return text;
}

std::string read_text_file(const std::string& path, std::int64_t max_bytes) {
  std::error_code error;
  if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error)) {
    throw IoError(fmt::format("not a regular file: {}", path));
  }
  std::ifstream stream(path, std::ios::binary | std::ios::ate);
  if (!stream) throw IoError(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  const std::int64_t size = stream.tellg();
  if (size > max_bytes) {
    throw ParseError(path, fmt::format("at most {} bytes are read, found {}", max_bytes, size));
  }
  std::string text(size < 0 ? 0 : static_cast<std::size_t>(size), '\0');
  stream.seekg(0);
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (size < 0 || !stream) throw IoError(fmt::format("cannot read {}", path));
  return text;
}

}  // namespace dsabench
