#include "kernels/cuda/check.h"

#include <fmt/format.h>

#include <cstdio>

#include "kernels/base/error.h"
#include "kernels/cuda/stream.h"

namespace dsabench::cuda {
namespace {

std::string describe(cudaError_t error, const char* expression, const char* file, int line) {
  cudaGetLastError();  // clears it
  return fmt::format("{} failed at {}:{}: {} ({})", expression, file, line, cudaGetErrorName(error),
                     cudaGetErrorString(error));
}

}  // namespace

void throw_cuda_error(cudaError_t error, const char* expression, const char* file, int line) {
  const std::string message = describe(error, expression, file, line);
  if (error == cudaErrorMemoryAllocation) throw OutOfMemory(message, 0);
  throw CudaError(message);
}

void log_cuda_error(cudaError_t error, const char* expression, const char* file,
                    int line) noexcept {
  try {
    std::fprintf(stderr, "dsabench: %s\n", describe(error, expression, file, line).c_str());
  } catch (...) {
    std::fputs("dsabench: a CUDA call failed\n", stderr);
  }
}

void check_launch(const char* kernel, [[maybe_unused]] cudaStream_t stream) {
  cudaError_t error = cudaGetLastError();
#ifndef NDEBUG
  if (error == cudaSuccess && !is_capturing(stream)) error = cudaStreamSynchronize(stream);
#endif
  if (error != cudaSuccess) {
    throw CudaError(fmt::format("kernel {} failed: {} ({})", kernel, cudaGetErrorName(error),
                                cudaGetErrorString(error)));
  }
}

}  // namespace dsabench::cuda
