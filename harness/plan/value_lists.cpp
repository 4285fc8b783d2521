#include "harness/plan/value_lists.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "kernels/base/error.h"
#include "results/layer_list.h"

namespace dsabench {
namespace {

constexpr std::int64_t kMaxCount = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t kMaxValues = 4096;

[[noreturn]] void fail(std::string_view option, std::string_view expected, std::string_view value) {
  throw InvalidArgument(fmt::format("{}: expected {}, got '{}'", option, expected, value));
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// 0 where the suffix is unknown.
std::int64_t multiplier(std::string_view suffix) {
  if (suffix.empty()) return 1;
  if (suffix == "k" || suffix == "K") return 1000;
  if (suffix == "Ki" || suffix == "ki") return 1024;
  if (suffix == "M") return 1000 * 1000;
  if (suffix == "Mi") return 1024 * 1024;
  return 0;
}

void append_range(std::string_view option, std::string_view text, std::size_t dash,
                  std::vector<std::int64_t>& values) {
  constexpr std::string_view kExpected = "a range first-last+step or first-last*factor";
  const std::size_t sign = text.find_first_of("+*", dash);
  if (sign == std::string_view::npos) fail(option, kExpected, text);
  if (sign == dash + 1 || sign + 1 == text.size()) fail(option, kExpected, text);
  const std::int64_t first = parse_count(option, text.substr(0, dash));
  const std::int64_t last = parse_count(option, text.substr(dash + 1, sign - dash - 1));
  const std::int64_t step = parse_count(option, text.substr(sign + 1));
  const bool multiply = text[sign] == '*';
  if (first > last) fail(option, "a range whose first value is not above its last", text);
  if (multiply && step < 2) fail(option, "a range with a factor of 2 or more", text);
  for (std::int64_t value = first; value <= last; value = multiply ? value * step : value + step) {
    if (values.size() >= kMaxValues)
      fail(option, fmt::format("at most {} values", kMaxValues), text);
    values.push_back(value);
  }
}

}  // namespace

std::vector<std::string> parse_list(std::string_view option, std::string_view text) {
  std::vector<std::string> items;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view item = trim(text.substr(begin, end - begin));
    if (item.empty()) fail(option, "a comma-separated list without empty items", text);
    items.emplace_back(item);
    begin = end + 1;
  }
  return items;
}

std::int64_t parse_count(std::string_view option, std::string_view text) {
  constexpr std::string_view kExpected = "a count such as 4096, 4k (4000) or 4Ki (4096)";
  const std::string_view trimmed = trim(text);
  std::int64_t value = 0;
  const char* end = trimmed.data() + trimmed.size();
  const auto [rest, error] = std::from_chars(trimmed.data(), end, value);
  if (error != std::errc{} || trimmed.front() == '-') fail(option, kExpected, text);
  const std::int64_t scale = multiplier({rest, static_cast<std::size_t>(end - rest)});
  if (scale == 0) fail(option, kExpected, text);
  if (value < 1 || value > kMaxCount / scale) {
    fail(option, fmt::format("a count from 1 to {}", kMaxCount), text);
  }
  return value * scale;
}

double parse_duration(std::string_view option, std::string_view text) {
  const std::string_view trimmed = trim(text);
  double value = 0;
  const char* end = trimmed.data() + trimmed.size();
  const auto [rest, error] = std::from_chars(trimmed.data(), end, value, std::chars_format::fixed);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  const double scale = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (error != std::errc{} || !(value > 0 && std::isfinite(value)) || scale == 0) {
    fail(option, "a time such as 90s, 9m or 1.5h", text);
  }
  return value * scale;
}

std::vector<std::int64_t> parse_counts(std::string_view option, std::string_view text) {
  std::vector<std::int64_t> values;
  for (const std::string& item : parse_list(option, text)) {
    const std::size_t dash = item.find('-', 1);
    if (dash != std::string::npos) {
      append_range(option, item, dash, values);
      continue;
    }
    if (values.size() >= kMaxValues)
      fail(option, fmt::format("at most {} values", kMaxValues), item);
    values.push_back(parse_count(option, item));
  }
  return values;
}

std::vector<std::int64_t> parse_layers(std::string_view option, std::string_view text) {
  const auto layers = read_layer_list(fmt::format("{}", fmt::join(parse_list(option, text), ",")));
  if (!layers) fail(option, "layers and ascending ranges of them such as 0,3-6", text);
  for (std::size_t i = 1; i < layers->size(); ++i) {
    if ((*layers)[i] == (*layers)[i - 1]) {
      fail(option, fmt::format("each layer once, layer {} is there twice", (*layers)[i]), text);
    }
    if ((*layers)[i] < (*layers)[i - 1]) {
      fail(option,
           fmt::format("ascending layers, {} comes before {}", (*layers)[i - 1], (*layers)[i]),
           text);
    }
  }
  if (layers->front() != 0) {
    fail(option, "layer 0 among them, which is Full and has what the others reuse", text);
  }
  return *layers;
}

std::string or_default(const std::string& text, const char* otherwise) {
  return text.empty() ? otherwise : text;
}

}  // namespace dsabench
