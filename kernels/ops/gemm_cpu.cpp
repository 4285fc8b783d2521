#include "kernels/ops/gemm_cpu.h"

#include <cblas.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "kernels/simd/vector_math.h"

namespace dsabench::ops::detail {
namespace {

// OpenBLAS falls back to SSE3 kernels, several times slower, on a CPU that is newer than itself.
// Its own override is read in a constructor of default priority, so this one must run earlier.
// A forced instruction set holds for the matrix products too; an invalid one is reported by
// vector_math().
#if defined(__x86_64__)
__attribute__((constructor(101))) void choose_openblas_kernels() {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq");
  const char* forced = std::getenv("DSABENCH_CPU_ISA");
  const std::string_view isa = forced == nullptr ? "avx512" : forced;
  const char* kernels = "Prescott";
  if (avx512 && isa == "avx512") {
    kernels = "SkylakeX";
  } else if (avx2 && isa != "baseline") {
    kernels = "Haswell";
  }
  setenv("OPENBLAS_CORETYPE", kernels, 0);
}
#endif

// OpenBLAS packs both matrices for every product, which is most of the work when few rows use
// them; below kSmallProduct it has kernels that do not. Measured on two cores with AVX-512.
constexpr std::int64_t kFewRows = 5;
constexpr std::int64_t kSmallProduct = 1'000'000;

blasint blas_stride(std::int64_t stride, std::int64_t columns) {
  return static_cast<blasint>(std::max(stride, std::max<std::int64_t>(columns, 1)));
}

void few_rows(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t lda,
              const float* b, std::int64_t ldb, float* c, std::int64_t ldc) {
  const VectorMath& math = vector_math();
#pragma omp parallel for schedule(static)
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t i = 0; i < m; ++i) c[i * ldc + j] = math.dot(a + i * lda, b + j * ldb, k);
  }
}

}  // namespace

void gemm_cpu(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t lda,
              const float* b, std::int64_t ldb, GemmWeight layout, float* c, std::int64_t ldc) {
  if (m == 0 || n == 0) return;
  const bool transposed = layout == GemmWeight::rows_are_outputs;
  const blasint b_stride = blas_stride(ldb, transposed ? k : n);
  const auto rows = static_cast<blasint>(m), columns = static_cast<blasint>(n),
             depth = static_cast<blasint>(k);
  if (k == 0) {
    for (std::int64_t i = 0; i < m; ++i) std::fill_n(c + i * ldc, n, 0.0f);
  } else if (m == 1) {
    cblas_sgemv(CblasRowMajor, transposed ? CblasNoTrans : CblasTrans, transposed ? columns : depth,
                transposed ? depth : columns, 1.0f, b, b_stride, a, 1, 0.0f, c, 1);
  } else if (transposed && m <= kFewRows && m * n * k > kSmallProduct) {
    few_rows(m, n, k, a, lda, b, ldb, c, ldc);
  } else {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans, rows, columns,
                depth, 1.0f, a, blas_stride(lda, k), b, b_stride, 0.0f, c, blas_stride(ldc, n));
  }
}

const char* gemm_cpu_kernels() { return openblas_get_corename(); }

}  // namespace dsabench::ops::detail
