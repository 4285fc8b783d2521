#pragma once
#include <string>
#include <string_view>

namespace dsabench {

/// One line that drives no terminal: line breaks and tabs become blanks; control characters,
/// direction overrides and bytes that are not UTF-8 become U+FFFD.
std::string terminal_text(std::string_view text);

}  // namespace dsabench
