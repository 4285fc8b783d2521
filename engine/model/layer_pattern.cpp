#include "engine/model/layer_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

constexpr std::array<std::pair<Dialect, const char*>, 6> kDialects = {{
    {Dialect::automatic, "auto"},
    {Dialect::paper, "paper"},
    {Dialect::hf, "hf"},
    {Dialect::vllm, "vllm"},
    {Dialect::sglang, "sglang"},
    {Dialect::atom, "atom"},
}};

}  // namespace

const char* dialect_name(Dialect dialect) {
  for (const auto& [value, name] : kDialects) {
    if (value == dialect) return name;
  }
  return "?";
}

Dialect parse_dialect(std::string_view name) {
  std::string names;
  for (const auto& [value, known] : kDialects) {
    if (name == known) return value;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", known);
  }
  throw InvalidArgument(fmt::format("dialect must be one of {}, got '{}'", names, name));
}

LayerPattern LayerPattern::from_letters(std::string_view letters) {
  if (letters.empty()) throw InvalidArgument("pattern must have a letter per layer, got none");
  const std::size_t wrong = letters.find_first_not_of("FS");
  if (wrong != std::string_view::npos) {
    throw InvalidArgument(fmt::format("pattern must be letters F and S, got '{}' at layer {}: {}",
                                      letters[wrong], wrong, letters));
  }
  if (letters.front() != 'F') {
    throw InvalidArgument(
        fmt::format("pattern must start with F: layer 0 has nothing to reuse, got {}", letters));
  }
  std::vector<std::int64_t> source;
  source.reserve(letters.size());
  for (std::size_t layer = 0; layer < letters.size(); ++layer) {
    source.push_back(letters[layer] == 'F' ? std::int64_t(layer) : source.back());
  }
  return LayerPattern(std::move(source));
}

LayerPattern LayerPattern::all_full(std::int64_t num_layers) {
  if (num_layers < 1) {
    throw InvalidArgument(fmt::format("pattern must have at least one layer, got {}", num_layers));
  }
  return from_letters(std::string(std::size_t(num_layers), 'F'));
}

std::int64_t LayerPattern::num_full() const {
  std::int64_t count = 0;
  for (std::int64_t layer = 0; layer < num_layers(); ++layer) count += is_full(layer) ? 1 : 0;
  return count;
}

std::string LayerPattern::letters() const {
  std::string letters;
  for (std::int64_t layer = 0; layer < num_layers(); ++layer) letters += is_full(layer) ? 'F' : 'S';
  return letters;
}

}  // namespace dsabench
