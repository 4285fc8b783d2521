#include "results/report/plain_text.h"

#include <fmt/format.h>
#include <utf8proc.h>

namespace dsabench::report {

CodePoint decode_utf8(std::string_view text) {
  utf8proc_int32_t value = 0;
  const utf8proc_ssize_t bytes =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                       static_cast<utf8proc_ssize_t>(text.size()), &value);
  if (bytes <= 0) return {};
  return {static_cast<std::uint32_t>(value), static_cast<std::size_t>(bytes)};
}

bool is_line_space(std::uint32_t c) {
  return c == '\n' || c == '\r' || c == '\t' || c == '\v' || c == '\f' || c == 0x85 ||
         c == 0x2028 || c == 0x2029;
}

bool is_unsafe(std::uint32_t c) {
  const bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
  const bool direction = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
                         c == 0x200e || c == 0x200f || c == 0x061c;
  return (control && !is_line_space(c)) || direction;
}

bool is_clean(std::string_view text) {
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    const bool plain_space = point.value == '\n' || point.value == '\t';
    if (point.bytes == 0 || is_unsafe(point.value)) return false;
    if (is_line_space(point.value) && !plain_space) return false;
    text.remove_prefix(point.bytes);
  }
  return true;
}

std::string escape_xml(std::string_view text) {
  std::string out;
  for_each_safe(text, [&out](std::uint32_t value, std::string_view bytes) {
    const bool special = value == '&' || value == '<' || value == '>' || value == '"' ||
                         value == '\'' || value == '\n' || value == '\t' || value == '\r';
    if (special) {
      out += fmt::format("&#{};", value);
    } else if (value == '\v' || value == '\f') {
      out += ' ';  // no XML character, not even escaped
    } else if (value == 0xfffe || value == 0xffff) {
      out += kReplacement;
    } else {
      out += bytes;
    }
  });
  return out;
}

std::string escape_json_controls(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const CodePoint point = decode_utf8(json);
    const std::size_t bytes = std::max<std::size_t>(1, point.bytes);
    const bool beyond_json = point.value >= 0x7f;
    if (beyond_json && (is_unsafe(point.value) || is_line_space(point.value))) {
      out += fmt::format("\\u{:04x}", point.value);
    } else {
      out += json.substr(0, bytes);
    }
    json.remove_prefix(bytes);
  }
  return out;
}

}  // namespace dsabench::report
