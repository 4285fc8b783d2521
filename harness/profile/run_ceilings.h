#pragma once
#include <string>
#include <vector>

#include "kernels/base/device.h"
#include "results/record.h"

namespace dsabench {

/// The device's ceilings as a run stores them (kernels/ceilings/ceilings.h); what memory does not
/// allow is left out with a note. Throws nothing of ours: what cannot be measured is a note too.
std::vector<Ceiling> measure_run_ceilings(Device device);

/// "matrix_bf16 811.2 TFLOP/s, copy 4.27 TB/s": for progress.
std::string describe(const std::vector<Ceiling>& ceilings);

}  // namespace dsabench
