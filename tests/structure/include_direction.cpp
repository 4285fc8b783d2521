#include "tests/structure/include_direction.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>

namespace dsabench::test {
namespace {

struct Rule {
  std::string_view folder;                      ///< files under it
  std::array<std::string_view, 7> may_include;  ///< prefixes; the longest matching folder decides
};

// docs/ARCHITECTURE.md shows the same as a drawing.
constexpr std::array<Rule, 10> kRules{{
    {"kernels/base/", {"kernels/base/"}},
    {"kernels/reference/", {"kernels/base/", "kernels/reference/", "kernels/ops/rope.h"}},
    {"kernels/", {"kernels/"}},
    {"kernels/bench/", {"kernels/"}},
    {"engine/", {"kernels/", "engine/"}},
    {"suites/", {"kernels/base/", "results/record.h", "results/identity.h", "suites/"}},
    {"results/", {"kernels/base/", "results/"}},
    {"harness/", {"kernels/", "engine/", "suites/", "results/", "harness/"}},
    {"train/", {"kernels/", "engine/", "suites/", "train/"}},
    {"tests/", {"kernels/", "engine/", "suites/", "results/", "harness/", "train/", "tests/"}},
}};

const Rule* rule_for(std::string_view path) {
  const Rule* best = nullptr;
  for (const Rule& rule : kRules) {
    if (path.starts_with(rule.folder) &&
        (best == nullptr || rule.folder.size() > best->folder.size())) {
      best = &rule;
    }
  }
  return best;
}

/// Headers that the build generates have no folder.
bool is_generated(std::string_view include) { return include.find('/') == std::string_view::npos; }

}  // namespace

std::vector<std::string> include_violations(const std::string& path, std::string_view text) {
  std::vector<std::string> violations;
  const Rule* rule = rule_for(path);
  if (rule == nullptr) return {path + ":1: lies in a folder that the table does not know"};
  std::istringstream stream{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    constexpr std::string_view directive = "#include \"";
    if (!line.starts_with(directive)) continue;
    const std::size_t end = line.find('"', directive.size());
    const std::string include = line.substr(directive.size(), end - directive.size());
    if (is_generated(include)) continue;
    const bool allowed = std::any_of(
        rule->may_include.begin(), rule->may_include.end(),
        [&](std::string_view prefix) { return !prefix.empty() && include.starts_with(prefix); });
    if (!allowed) {
      violations.push_back(
          fmt::format("{}:{}: {} may not include {}", path, number, rule->folder, include));
    }
  }
  return violations;
}

}  // namespace dsabench::test
