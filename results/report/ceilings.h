#pragma once
/// Times held against the ceilings that a run measured. Private to results/.
#include <optional>
#include <string>

#include "results/record.h"

namespace dsabench::report {

/// What was measured under the name by the process that made the trial; null for nothing.
const Ceiling* ceiling_of(const RunRecord& run, const TrialRecord& trial, const std::string& name);

/// Work per second of a ceiling that was measured.
double rate_per_s(const Ceiling& ceiling);
/// "811.2 TFLOP/s", "10.4 GB/s".
std::string rate_text(double per_second, const std::string& unit);

/// The time of the matrix work that a trial declares (metrics matrix_work, in the cell's type, and
/// matrix_work_f8) at the rates of its machine's ceilings, ns. Empty where either is missing.
std::optional<double> matrix_floor_ns(const RunRecord& run, const CellRecord& cell,
                                      const TrialRecord& trial);

}  // namespace dsabench::report
