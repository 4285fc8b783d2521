#pragma once
/// How far equal builds lie apart on a machine, from what `calibrate` stored.
#include <set>
#include <string>
#include <vector>

#include "results/gate.h"
#include "results/store.h"

namespace dsabench {

/// Of each of these cells, and each metric that is better when it is lower: the sd of the
/// Hodges-Lehmann estimate of the rounds' log(candidate / base), over all comparisons with itself,
/// on this machine, of the build that was calibrated last in the cell; at least two must be done.
/// By cell, then metric; none of a cell that no calibration has.
std::vector<NoiseFloor> stored_noise_floors(const ResultStore& store, const std::string& machine_id,
                                            std::set<std::string> cell_ids);
/// Those of its base's cells, on its base's machine.
void add_noise_floors(GateEvidence& evidence, const ResultStore& store);

/// The same of comparisons that were loaded: rounds of arms base and candidate each.
std::vector<NoiseFloor> noise_floors_of(const std::vector<GateEvidence>& comparisons);

}  // namespace dsabench
