#include "kernels/simd/cpu_runtime.h"

#include "kernels/ops/gemm_cpu.h"
#include "kernels/ops/threads.h"
#include "kernels/simd/vector_math.h"

namespace dsabench {

CpuRuntime cpu_runtime() {
  return {ops::detail::max_threads(), vector_math().isa, ops::detail::gemm_cpu_kernels()};
}

}  // namespace dsabench
