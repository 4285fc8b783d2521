#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <numeric>

#include "engine/model/layer_pattern.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// Keeps numerator x layer far inside 64 bits.
constexpr std::int64_t kLargestDenominator = std::numeric_limits<std::int32_t>::max();

[[noreturn]] void refuse(std::string_view text) {
  throw InvalidArgument(fmt::format(
      "retention must be a ratio above 0 and at most 1, as 1, 1/4 or 0.25, got '{}'", text));
}

/// Digits alone: no sign, no blank, no exponent.
std::int64_t parse_digits(std::string_view digits, std::string_view text) {
  std::int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, value);
  const bool plain = !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos;
  if (!plain || error != std::errc{} || rest != end || value > kLargestDenominator) refuse(text);
  return value;
}

}  // namespace

Retention Retention::parse(std::string_view text) {
  Retention r;
  const std::size_t slash = text.find('/'), point = text.find('.');
  if (slash != text.npos) {
    r.numerator = parse_digits(text.substr(0, slash), text);
    r.denominator = parse_digits(text.substr(slash + 1), text);
  } else if (point != text.npos) {
    const std::string_view decimals = text.substr(point + 1);
    if (decimals.size() > 9) refuse(text);
    const std::int64_t fraction = parse_digits(decimals, text);
    for (std::size_t i = 0; i < decimals.size(); ++i) r.denominator *= 10;
    r.numerator = parse_digits(text.substr(0, point), text) * r.denominator + fraction;
  } else {
    r.numerator = parse_digits(text, text);
  }
  if (r.numerator <= 0 || r.denominator <= 0 || r.numerator > r.denominator) refuse(text);
  const std::int64_t divisor = std::gcd(r.numerator, r.denominator);
  return {r.numerator / divisor, r.denominator / divisor};
}

std::string Retention::to_string() const {
  return denominator == 1 ? fmt::format("{}", numerator)
                          : fmt::format("{}/{}", numerator, denominator);
}

// Paper (arXiv 2603.12201, uniform interleaving "FSSS FSSS"): layer l is Full iff l * r crosses a
// whole number, floor(l * r) != floor((l - 1) * r). For 1/n that is l % n == 0. Layer 0 crosses
// from -r.
LayerPattern LayerPattern::uniform(std::int64_t num_layers, Retention retention) {
  if (retention.numerator < 1 || retention.numerator > retention.denominator ||
      retention.denominator > kLargestDenominator) {
    refuse(retention.to_string());
  }
  std::string letters(std::size_t(std::max<std::int64_t>(num_layers, 0)), 'S');
  for (std::int64_t layer = 0; layer < num_layers; ++layer) {
    const auto whole = [&](std::int64_t l) {
      return l < 0 ? -1 : l * retention.numerator / retention.denominator;
    };
    if (whole(layer) != whole(layer - 1)) letters[std::size_t(layer)] = 'F';
  }
  return from_letters(letters);
}

}  // namespace dsabench
