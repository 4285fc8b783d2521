#define DSABENCH_ISA_NAMESPACE isa_baseline
#define DSABENCH_ISA_NAME "baseline"
#include "kernels/simd/vector_math_impl.h"
