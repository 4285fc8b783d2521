#pragma once
#include <vector>

#include "results/statistics/multiplicity.h"

namespace dsabench::gate {

/// Holm's adjustment of one of the p values of the estimates of a kind.
template <class Estimate>
std::vector<double> adjusted(const std::vector<Estimate>& estimates, double Estimate::*p) {
  std::vector<double> values;
  for (const Estimate& estimate : estimates) values.push_back(estimate.*p);
  return holm_adjust(values);
}

}  // namespace dsabench::gate
