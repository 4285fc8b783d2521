#include "harness/run/search_methods.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "harness/plan/value_lists.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

struct Known {
  const char* name;
  SearchMethod::Kind kind;
  bool has_count;
};
constexpr std::array<Known, 5> kMethods = {{{"greedy", SearchMethod::Kind::greedy, false},
                                            {"blocks", SearchMethod::Kind::blocks, true},
                                            {"beam", SearchMethod::Kind::beam, true},
                                            {"uniform", SearchMethod::Kind::uniform, false},
                                            {"similarity", SearchMethod::Kind::similarity, false}}};

const Known& known(SearchMethod::Kind kind) {
  return *std::find_if(kMethods.begin(), kMethods.end(),
                       [&](const Known& method) { return method.kind == kind; });
}

SearchMethod parse_method(const std::string& item) {
  const std::size_t dash = item.find('-');
  for (const Known& method : kMethods) {
    if (item.substr(0, dash) != method.name || (dash != item.npos) != method.has_count) continue;
    return {method.kind, method.has_count ? parse_count("--method", item.substr(dash + 1)) : 1};
  }
  throw InvalidArgument(fmt::format(
      "--method: expected greedy, blocks-N, beam-N, uniform or similarity, got '{}'", item));
}

}  // namespace

std::string SearchMethod::name() const {
  const Known& method = known(kind);
  return method.has_count ? fmt::format("{}-{}", method.name, count) : method.name;
}

std::vector<SearchMethod> parse_search_methods(std::string_view text) {
  std::vector<SearchMethod> methods;
  for (const std::string& item : parse_list("--method", text)) {
    const SearchMethod method = parse_method(item);
    if (std::find(methods.begin(), methods.end(), method) != methods.end()) {
      throw InvalidArgument(fmt::format("--method: '{}' is there twice", item));
    }
    methods.push_back(method);
  }
  return methods;
}

std::vector<SearchTarget> search_targets(std::int64_t num_layers,
                                         const std::vector<Retention>& retentions,
                                         const std::vector<SearchMethod>& methods) {
  std::vector<SearchTarget> targets;
  for (const Retention& retention : retentions) {
    const std::int64_t full = LayerPattern::uniform(num_layers, retention).num_full();
    if (full == num_layers) {
      throw InvalidArgument(
          fmt::format("--retention: {} of {} layers are all of them: there is nothing to search",
                      retention.to_string(), num_layers));
    }
    for (const SearchMethod& method : methods) {
      if (method.kind != SearchMethod::Kind::blocks || method.count <= full) continue;
      throw InvalidArgument(fmt::format("--method: {} keeps {} layers Full, retention {} has {}",
                                        method.name(), method.count, retention.to_string(), full));
    }
    const bool there = std::any_of(targets.begin(), targets.end(), [&](const SearchTarget& known) {
      return known.num_full == full;
    });
    if (!there) targets.push_back({retention, full});
  }
  if (targets.empty()) throw InvalidArgument("--retention: give at least one");
  return targets;
}

}  // namespace dsabench
