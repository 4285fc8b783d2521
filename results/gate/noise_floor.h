#pragma once
/// How far equal builds lie apart on a machine, from what `calibrate` stored.
#include <string>
#include <vector>

#include "results/gate.h"
#include "results/store.h"

namespace dsabench {

/// Of the newest calibration of the machine of which at least two comparisons are done: per cell
/// and metric that is better when it is lower, the sd over its comparisons of the Hodges-Lehmann
/// estimate of the rounds' log(candidate / base). By cell, then metric; none where there is no such
/// calibration.
std::vector<NoiseFloor> stored_noise_floors(const ResultStore& store,
                                            const std::string& machine_id);

/// The same of comparisons that were loaded: rounds of arms base and candidate each.
std::vector<NoiseFloor> noise_floors_of(const std::vector<GateEvidence>& comparisons);

}  // namespace dsabench
