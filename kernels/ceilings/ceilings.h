#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/device.h"

namespace dsabench {

/// The best rate that a device showed at one kind of work: what operators are held against.
struct MeasuredCeiling {
  std::string name;              ///< matrix_<dtype>, copy, gather
  std::string unit;              ///< "FLOP", "bytes"
  std::int64_t work = 0;         ///< of one sample; 0: not measured
  std::int64_t nanoseconds = 0;  ///< median of the samples; 0: not measured
  std::string note;              ///< how it was measured, or why not
};

/// Measures a device's ceilings, on random data where data matter, after a warm-up:
///   CPU   matrix_f32 (OpenBLAS), copy (all threads; read + written): half a second
///   CUDA  matrix_bf16, matrix_f8_e4m3, matrix_f32 (8192^3 by cuBLASLt), copy (1 GiB; read +
///         written), gather (random rows of 1,152 bytes from 200,000): about a second
/// Memory is taken for each and given back, none of it from the queue's pool; one that finds too
/// little, or that the device cannot do, is left out with a note. Throws UnsupportedDevice where
/// there is no such device.
std::vector<MeasuredCeiling> measure_ceilings(Device device);

}  // namespace dsabench
