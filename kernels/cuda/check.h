#pragma once
/// Checked CUDA runtime calls. Only for sources of builds with CUDA.
#include <cuda_runtime_api.h>

namespace dsabench::cuda {

/// Throws CudaError (OutOfMemory where device memory ran out) with expression, place, name and text
/// of the error, and clears it, so that the next call does not report it again.
[[noreturn]] void throw_cuda_error(cudaError_t error, const char* expression, const char* file,
                                   int line);

/// The same for destructors: writes the message to stderr.
void log_cuda_error(cudaError_t error, const char* expression, const char* file, int line) noexcept;

/// Throws CudaError where the kernel launched last, on `stream`, did not start. Builds without
/// NDEBUG also wait for it, so that an error inside it is reported under its name, unless the
/// stream is being captured.
void check_launch(const char* kernel, cudaStream_t stream);

}  // namespace dsabench::cuda

#define DSABENCH_CUDA_CHECK(call)                                                    \
  do {                                                                               \
    const cudaError_t dsabench_error = (call);                                       \
    if (dsabench_error != cudaSuccess) {                                             \
      ::dsabench::cuda::throw_cuda_error(dsabench_error, #call, __FILE__, __LINE__); \
    }                                                                                \
  } while (false)

#define DSABENCH_CUDA_CHECK_NOEXCEPT(call)                                         \
  do {                                                                             \
    const cudaError_t dsabench_error = (call);                                     \
    if (dsabench_error != cudaSuccess) {                                           \
      ::dsabench::cuda::log_cuda_error(dsabench_error, #call, __FILE__, __LINE__); \
    }                                                                              \
  } while (false)
