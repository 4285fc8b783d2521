#pragma once
/// Can the evidence be trusted at all? Private to results/.
#include <string>
#include <vector>

#include "results/gate.h"
#include "results/gate/cells.h"

namespace dsabench::gate {

/// What speaks of the whole evidence and of no row.
struct Environment {
  bool trusted = true;
  std::vector<std::string> findings;

  void distrust(std::string why) {
    trusted = false;
    findings.push_back(std::move(why));
  }
  void note(std::string what) { findings.push_back(std::move(what)); }
};

/// Machines must be one. Other models, and runs that did not end, are told.
void check_runs(const GateEvidence& evidence, Environment& environment);

/// A process whose trials of the cell were all throttled has no value of it.
void check_throttling(const EvidenceCell& cell, Environment& environment);
/// Trials that were throttled and made again.
void count_throttled(const GateEvidence& evidence, Environment& environment);

/// A cell and a metric of kind time.
struct TimedMetric {
  const EvidenceCell* cell = nullptr;
  std::string metric;
};
/// Tells where the first process of a round is slower or faster than those after it: caches and
/// clocks that start cold. The drawn order keeps that out of the verdict, at the price of noise.
void check_first_place(const std::vector<TimedMetric>& metrics, Environment& environment);

}  // namespace dsabench::gate
