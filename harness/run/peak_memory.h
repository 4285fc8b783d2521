#pragma once
#include <cstdint>

namespace dsabench {

/// Begins a new peak of resident memory where the kernel allows it (/proc/self/clear_refs);
/// elsewhere the peak stays that of the whole process.
void reset_peak_memory();
/// Largest resident memory of the process since then, in bytes; 0 where it cannot be read.
std::int64_t peak_memory_bytes();
/// Memory that can be had without swapping (MemAvailable), in bytes; -1 where unknown.
std::int64_t available_memory_bytes();

}  // namespace dsabench
