#pragma once
#ifdef _OPENMP
#include <omp.h>
#endif

namespace dsabench::test {

/// Runs the operators on `count` threads for its lifetime; without effect in a build without
/// OpenMP.
class ThreadCount {
 public:
#ifdef _OPENMP
  explicit ThreadCount(int count) : before_(omp_get_max_threads()) { omp_set_num_threads(count); }
  ~ThreadCount() { omp_set_num_threads(before_); }
#else
  explicit ThreadCount(int) {}
#endif
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  [[maybe_unused]] int before_ = 1;
};

}  // namespace dsabench::test
