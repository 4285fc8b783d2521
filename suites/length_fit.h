#pragma once
#include <cstdint>
#include <functional>

namespace dsabench {

/// How many units of haystack a prompt may hold.
struct UnitRange {
  std::int64_t min = 1;
  std::int64_t max = 1;
};

/// The largest n in `range` with cost(n) <= limit: cost(n + 1) > limit, or n is range.max. Needs
/// cost(range.min) <= limit and a cost that does not fall with n. One cost is a whole prompt put
/// through a tokenizer, so the search interpolates first: 5 to 12 evaluations where the cost is
/// close to linear, O(log n) in any case.
std::int64_t fit_units(UnitRange range, std::int64_t limit,
                       const std::function<std::int64_t(std::int64_t)>& cost);

/// More units than any context holds.
inline constexpr std::int64_t kUnboundedUnits = std::int64_t{1} << 31;

/// Where among `units` sentences one is inserted: before sentence 0 .. after the last. The same
/// draw lies at the same relative depth whatever the number of units.
std::int64_t insertion_point(std::uint32_t draw, std::int64_t units);

}  // namespace dsabench
