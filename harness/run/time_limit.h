#pragma once
#include <functional>
#include <optional>
#include <string>

#include "harness/run/expected_cost.h"

namespace dsabench {

/// Ends a run between two trials where the next one is not expected to fit into the time that is
/// left. A command's first trial always fits: repeated, commands get through any plan.
class TimeLimit {
 public:
  /// `elapsed_s`: seconds since the command began; `history`: what trials took before.
  TimeLimit(double limit_s, std::function<double()> elapsed_s, CostHistory history);

  /// Why the next trial is not begun; empty where it is. One of unknown cost is begun while any
  /// time is left.
  std::optional<std::string> refusal(const Cell& next) const;
  /// A trial of this command has ended. What it took is expected of its likes where it was ok.
  void add(const Cell& cell, const TrialCost& cost, bool ok);

 private:
  double limit_s_;
  std::function<double()> elapsed_s_;
  CostHistory history_;
  bool any_ended_ = false;  ///< of this command's trials
};

}  // namespace dsabench
