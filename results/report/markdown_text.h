#pragma once
/// Foreign text made safe for a Markdown table and a terminal. Private to results/.
#include <string>
#include <string_view>

namespace dsabench::report {

/// One line that renders as the text itself: Markdown's and HTML's special characters are escaped,
/// line breaks and tabs become spaces; control characters, direction overrides and bytes that are
/// not UTF-8 become U+FFFD.
std::string escape_markdown(std::string_view text);

/// Code points of UTF-8 text.
std::size_t display_width(std::string_view text);

}  // namespace dsabench::report
