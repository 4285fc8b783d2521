#pragma once

namespace dsabench {

/// What the CPU operators run on: part of a machine's identity, recorded with every measurement.
struct CpuRuntime {
  int threads;               ///< of a parallel region; 1 in a build without OpenMP
  const char* isa;           ///< instruction set of the inner loops, see vector_math.h
  const char* blas_kernels;  ///< OpenBLAS's choice: "SkylakeX", "Haswell", ...
};
CpuRuntime cpu_runtime();

}  // namespace dsabench
