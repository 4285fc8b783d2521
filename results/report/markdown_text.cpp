#include "results/report/markdown_text.h"

#include <algorithm>

#include "results/report/plain_text.h"

namespace dsabench::report {
namespace {

void append_escaped(std::string& out, std::string_view piece) {
  switch (piece.front()) {
    case '&':
      out += "&amp;";
      return;
    case '<':
      out += "&lt;";
      return;
    case '>':
      out += "&gt;";
      return;
    case '\\':
    case '`':
    case '|':
    case '*':
    case '[':
    case ']':
      out += '\\';
      break;
    default:
      break;
  }
  out += piece;
}

}  // namespace

std::string escape_markdown(std::string_view text) {
  std::string out;
  for_each_safe(text, [&out](std::uint32_t value, std::string_view bytes) {
    if (is_line_space(value)) {
      out += ' ';
    } else {
      append_escaped(out, bytes);
    }
  });
  return out;
}

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace dsabench::report
