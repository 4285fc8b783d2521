#pragma once

/// Marks a function that kernels call too. Nothing outside nvcc.
#ifdef __CUDACC__
#define DSABENCH_HOST_DEVICE __host__ __device__
#else
#define DSABENCH_HOST_DEVICE
#endif
