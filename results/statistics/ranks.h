#pragma once
/// What rank tests share. Private to results/.
#include <cstdint>
#include <span>
#include <vector>

namespace dsabench::statistics {

/// Midranks times two, so that they are whole, in the order of `values`.
struct DoubledRanks {
  std::vector<std::int64_t> ranks;
  double tie_term = 0;  ///< sum of t^3 - t over groups of t equal values
};
DoubledRanks doubled_ranks(std::span<const double> values);

/// Throws InvalidArgument naming the first value that is not finite; `what` begins the message.
void require_finite(const char* what, std::span<const double> values);
/// Throws InvalidArgument unless `share` lies in (0, 1); `what` begins the message.
void require_open_unit(const char* what, double share);

/// A null distribution as P(sum = i).
using Probabilities = std::vector<double>;
/// P(sum <= limit), limit below 0 or beyond the end included.
double lower_tail(const Probabilities& probabilities, std::int64_t limit);
/// P(sum >= limit).
double upper_tail(const Probabilities& probabilities, std::int64_t limit);

}  // namespace dsabench::statistics
