#define DSABENCH_ISA_NAMESPACE isa_avx512
#define DSABENCH_ISA_NAME "avx512"
#include "kernels/simd/vector_math_impl.h"
