#define DSABENCH_ISA_NAMESPACE isa_avx2
#define DSABENCH_ISA_NAME "avx2"
#include "kernels/simd/vector_math_impl.h"
