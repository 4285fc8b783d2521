#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dsabench {

/// Numbers of layers as text: "0,3-6". Ranges have both ends; runs of three or more are ranges, so
/// that a list has one text.
std::string layer_list_text(std::span<const std::int64_t> layers);

/// The layers of such a text, in its order; nothing for what is none: other letters, an empty item,
/// a range that descends, a number beyond what a model can have.
std::optional<std::vector<std::int64_t>> read_layer_list(std::string_view text);

}  // namespace dsabench
