#pragma once
#ifdef _OPENMP
#include <omp.h>
#endif

namespace dsabench::ops::detail {

/// Threads that the next parallel region gets; 1 in a build without OpenMP.
inline int max_threads() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

/// The calling thread's number in its parallel region.
inline int thread_number() {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

}  // namespace dsabench::ops::detail
