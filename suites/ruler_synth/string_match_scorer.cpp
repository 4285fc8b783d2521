#include "suites/ruler_synth/string_match_scorer.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lowered(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

std::string normalized(std::string_view answer) {
  std::string text = lowered(answer);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = '\n';
  }
  const std::size_t begin = text.find_first_not_of(" \n");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \n") - begin + 1);
}

}  // namespace

double StringMatchScorer::score(const Sample& sample, std::string_view answer) const {
  if (sample.references.empty()) {
    throw InvalidArgument(fmt::format("{}: item {} has no reference", name(), sample.item_id));
  }
  const std::string text = normalized(answer);
  std::int64_t found = 0;
  for (const std::string& reference : sample.references) {
    if (reference.empty()) {
      throw InvalidArgument(
          fmt::format("{}: item {} has an empty reference", name(), sample.item_id));
    }
    if (text.find(lowered(reference)) != std::string::npos) ++found;
  }
  return static_cast<double>(found) / static_cast<double>(sample.references.size());
}

}  // namespace dsabench
