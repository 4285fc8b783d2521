#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dsabench {

/// Splits at commas and trims blanks. Throws InvalidArgument for an empty item; `option` names the
/// option in messages.
std::vector<std::string> parse_list(std::string_view option, std::string_view text);

/// A count: digits, then nothing, k or K (1000), Ki (1024), M (1000^2) or Mi (1024^2). Throws
/// InvalidArgument naming option and value where it is not one, is below 1 or beyond 2^31 - 1.
std::int64_t parse_count(std::string_view option, std::string_view text);

/// A time in seconds: a number above 0, then s, m or h. Throws InvalidArgument naming option and
/// value.
double parse_duration(std::string_view option, std::string_view text);

/// A comma-separated list of counts and ranges, in the order given. Ranges include both ends where
/// the steps meet them: `first-last+step` adds, `first-last*factor` multiplies: "1k-4k+1k",
/// "1Ki-64Ki*2". Throws InvalidArgument naming option and value, also for more than 4096 values.
std::vector<std::int64_t> parse_counts(std::string_view option, std::string_view text);

/// Layers of a model by number: "0,3-6", ranges with both ends, ascending, each once, layer 0 among
/// them. Throws InvalidArgument naming option and value.
std::vector<std::int64_t> parse_layers(std::string_view option, std::string_view text);

/// The text, or `otherwise` where it is empty.
std::string or_default(const std::string& text, const char* otherwise);

}  // namespace dsabench
