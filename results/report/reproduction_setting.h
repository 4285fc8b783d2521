#pragma once
/// What a reproduction was made on, and what the published figures were. Private to results/.
#include <cstdint>
#include <optional>
#include <string>

#include "results/published/index_cache.h"
#include "results/report/cell_view.h"
#include "results/report/reproduction.h"

namespace dsabench::report {

/// "NVIDIA H200 (150.1 GB)", "2 threads of Intel Xeon (CPU)"; of a mixed run all of its machines.
std::string our_hardware(const ReproductionRun& run);
/// "8 x H100 (80 GB each), SGLang, data-parallel attention".
std::string published_hardware();
/// The smallest memory of the GPUs that ran it; 0 for the CPU, and where it is not known.
std::int64_t gpu_memory_bytes(const ReproductionRun& run);

/// The row of Table 1 that a speed cell belongs to; empty for none.
std::optional<published::Quantity> quantity_of(const CellRecord& cell);
/// A field of a cell's canonical form as text; empty where it is at its default.
std::string canonical_field(const CellRecord& cell, const char* key);

/// "published: Table 1 (checked against the authors' plots)".
std::string origin_note(const published::Origin& origin);
/// Why nothing is compared; empty where it is the paper's model.
std::string model_note(const ReproductionRun& run);

}  // namespace dsabench::report
