#include "results/report/number_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace dsabench::report {

std::string significant(double value) {
  const int magnitude = value > 0 ? static_cast<int>(std::floor(std::log10(value))) : 0;
  return fmt::format("{:.{}f}", value, std::clamp(3 - magnitude, 0, 9));
}

std::string with_interval(double value, double low, double high) {
  return fmt::format("{} ({}–{})", significant(value), significant(low), significant(high));
}

}  // namespace dsabench::report
