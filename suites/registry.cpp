#include <fmt/format.h>

#include "kernels/base/error.h"
#include "suites/facts/facts_suite.h"
#include "suites/ruler_synth/ruler_synth_suite.h"
#include "suites/speed/speed_suite.h"
#include "suites/suite.h"

namespace dsabench {

std::span<const std::unique_ptr<Suite>> all_suites() {
  static const std::vector<std::unique_ptr<Suite>> suites = [] {
    std::vector<std::unique_ptr<Suite>> list;
    list.push_back(facts::make_facts_suite(facts::Rendering::text));
    list.push_back(facts::make_facts_suite(facts::Rendering::compact));
    list.push_back(make_ruler_synth_suite());
    list.push_back(make_speed_suite());
    return list;
  }();
  return suites;
}

const Suite& find_suite(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& suite : all_suites()) {
    if (suite->name() == name) return *suite;
    names.push_back(suite->name());
  }
  throw InvalidArgument(
      fmt::format("unknown suite '{}'; there are: {}", name, fmt::join(names, ", ")));
}

}  // namespace dsabench
