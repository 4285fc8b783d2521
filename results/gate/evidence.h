#pragma once
/// What is stored, as evidence for a gate.
#include <string>
#include <vector>

#include "results/gate.h"
#include "results/store.h"

namespace dsabench {

/// The rounds of a stored comparison, without noise floors. Its settings say in what its arms
/// differ by design ("ignored_keys", a list) and how often it was looked at ("looks", a list): the
/// verdict is the last look's.
GateEvidence load_evidence(const ResultStore& store, const ComparisonRecord& comparison);

/// A baseline's runs and later ones, each one process, without noise floors. Throws InvalidArgument
/// where one of `run_ids` (full ids) is the baseline's own or named twice.
GateEvidence load_evidence(const ResultStore& store, const BaselineRecord& baseline,
                           const std::vector<std::string>& run_ids);

/// The baseline in force under a name; nullptr where there is none.
const BaselineRecord* find_in_force(const std::vector<BaselineRecord>& newest_first,
                                    const std::string& name);

}  // namespace dsabench
