#pragma once
#include <cstdint>

namespace dsabench::ops::detail {

/// How the second matrix of a product lies in memory.
enum class GemmWeight {
  rows_are_outputs,  ///< b [n, k]: c = a b^T
  rows_are_inputs,   ///< b [k, n]: c = a b
};

/// Matrix product on the CPU, c overwritten: c[i, j] = sum_p a[i, p] * b(j, p).
///   a  [m, k], c  [m, n], b as `layout` says; row-major f32 with row strides lda, ldb, ldc
/// Goes to OpenBLAS, or to dot products where few rows make that faster: the rounding of a row may
/// depend on m. Uses every thread, or one inside a parallel region. Any size may be 0; sizes and
/// strides must be below 2^31.
void gemm_cpu(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t lda,
              const float* b, std::int64_t ldb, GemmWeight layout, float* c, std::int64_t ldc);

/// Name of OpenBLAS's kernels in use ("SkylakeX", "Haswell", ...): recorded with measurements.
const char* gemm_cpu_kernels();

}  // namespace dsabench::ops::detail
