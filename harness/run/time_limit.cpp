#include "harness/run/time_limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace dsabench {

TimeLimit::TimeLimit(double limit_s, std::function<double()> elapsed_s, CostHistory history)
    : limit_s_(limit_s), elapsed_s_(std::move(elapsed_s)), history_(std::move(history)) {}

std::optional<std::string> TimeLimit::refusal(const Cell& next) const {
  if (!any_ended_) return std::nullopt;
  const double left = std::max(0.0, limit_s_ - elapsed_s_());
  const ExpectedCost cost = history_.of(next);
  if (left > cost.seconds.value_or(0)) return std::nullopt;
  const std::string expected =
      cost.seconds ? fmt::format("is expected to take {:.1f} s ({})", *cost.seconds, cost.basis)
                   : "is of unknown cost";
  return fmt::format("time limit: {:.1f} s are left of {:.1f}, and the next trial ({}) {}", left,
                     limit_s_, describe(next), expected);
}

void TimeLimit::add(const Cell& cell, const TrialCost& cost, bool ok) {
  any_ended_ = true;
  if (ok) history_.add(cell, cost);
}

}  // namespace dsabench
