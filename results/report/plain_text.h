#pragma once
/// UTF-8 read code point by code point, with what must not reach a terminal or a parser told apart.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace dsabench::report {

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t bytes = 0;  ///< 0: not UTF-8
};
/// The first code point of a text that is not empty.
CodePoint decode_utf8(std::string_view text);

/// Line breaks of all scripts, tabs and form feeds.
bool is_line_space(std::uint32_t c);
/// Control characters and direction overrides, line space left out.
bool is_unsafe(std::uint32_t c);

/// Calls visit(value, bytes) for each code point; what is unsafe or not UTF-8 comes as U+FFFD.
template <class Visit>
void for_each_safe(std::string_view text, Visit&& visit) {
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    const std::size_t bytes = std::max<std::size_t>(1, point.bytes);
    if (point.bytes == 0 || is_unsafe(point.value)) {
      visit(std::uint32_t{0xfffd}, kReplacement);
    } else {
      visit(point.value, text.substr(0, bytes));
    }
    text.remove_prefix(bytes);
  }
}

/// Whether the text is UTF-8 without control characters other than tab and line feed.
bool is_clean(std::string_view text);

/// Attribute or element text of XML 1.0.
std::string escape_xml(std::string_view text);

/// JSON text (whole documents too) with control characters beyond ASCII, DEL and direction
/// overrides as \u escapes: JSON itself only asks for that below U+0020.
std::string escape_json_controls(std::string_view json);

}  // namespace dsabench::report
