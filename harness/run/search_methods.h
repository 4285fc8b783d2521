#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model/layer_pattern.h"

namespace dsabench {

/// A way to a pattern, as --method names it.
struct SearchMethod {
  enum class Kind { greedy, blocks, beam, uniform, similarity };
  Kind kind = Kind::greedy;
  std::int64_t count = 1;    ///< of blocks, or the beam's width
  std::string name() const;  ///< "greedy", "blocks-4"
  bool operator==(const SearchMethod&) const = default;
};

/// "greedy,blocks-4,beam-4,uniform,similarity": each at most once. Throws InvalidArgument naming
/// --method and the item.
std::vector<SearchMethod> parse_search_methods(std::string_view text);

/// How many Full layers a pattern is to have, and how that was asked for.
struct SearchTarget {
  Retention retention;
  std::int64_t num_full = 1;
};

/// As many Full layers as the paper's uniform pattern of each retention has; each number once.
/// Throws InvalidArgument for none, for retentions of all layers, and for fewer Full layers than a
/// method has blocks.
std::vector<SearchTarget> search_targets(std::int64_t num_layers,
                                         const std::vector<Retention>& retentions,
                                         const std::vector<SearchMethod>& methods);

}  // namespace dsabench
