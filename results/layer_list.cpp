#include "results/layer_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace dsabench {
namespace {

/// Of a model; keeps a range of a few letters from becoming a list without end.
constexpr std::int64_t kMaxLayers = 1 << 14;

std::optional<std::int64_t> read_number(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  const bool plain = error == std::errc{} && rest == end && text.front() != '-';
  if (!plain || value >= kMaxLayers) return std::nullopt;
  return value;
}

}  // namespace

std::string layer_list_text(std::span<const std::int64_t> layers) {
  std::string text;
  for (std::size_t begin = 0; begin < layers.size();) {
    std::size_t end = begin + 1;
    while (end < layers.size() && layers[end] == layers[end - 1] + 1) ++end;
    if (end - begin < 3) end = begin + 1;
    text += fmt::format("{}{}", text.empty() ? "" : ",", layers[begin]);
    if (end - begin > 1) text += fmt::format("-{}", layers[end - 1]);
    begin = end;
  }
  return text;
}

std::optional<std::vector<std::int64_t>> read_layer_list(std::string_view text) {
  std::vector<std::int64_t> layers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view item = text.substr(begin, end - begin);
    const std::size_t dash = item.find('-');
    const auto first = read_number(item.substr(0, dash));
    const auto last = dash == item.npos ? first : read_number(item.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    if (std::int64_t(layers.size()) + *last - *first >= kMaxLayers) return std::nullopt;
    for (std::int64_t layer = *first; layer <= *last; ++layer) layers.push_back(layer);
    begin = end + 1;
  }
  return layers;
}

}  // namespace dsabench
