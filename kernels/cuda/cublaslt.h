#pragma once
/// Matrix products of cuBLASLt, which is loaded at the first product: the program starts without
/// it.
#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/cuda/launch.h"

namespace dsabench::cuda {

/// A matrix of a batch: pointer, distance between rows and between the batch's matrices, in
/// elements of the product's input type (of the output type for `c`).
template <class Void>
struct ProductOperand {
  Void* data = nullptr;
  std::int64_t stride = 0, batch_stride = 0;
};

/// c[n, m] = b[n, k] * a^T (+ c) for every matrix of the batch, all row-major.
///   a     [m, k], or [k, m] where a_is_transposed
/// Inputs f32 or bf16; output the same, or f32. Products of f32 are not rounded to TF32; sums are
/// f32. Sizes at least 1. Inputs of e4m3 (without scales, to bf16 or f32, a not transposed) are
/// summed as fast as the tensor cores do it, with fewer bits than f32 has.
struct Product {
  bool fp8_inputs = false, bf16_inputs = false, bf16_output = false, a_is_transposed = false;
  std::int64_t m = 0, n = 0, k = 0, batch = 1;
  ProductOperand<const void> a, b;
  ProductOperand<void> c;
  bool adds_to_c = false;
};

/// Loads the library. Throws UnsupportedDevice, naming it, where that cannot be done.
void require_cublaslt();

/// Runs on the launch's stream with its scratch. The algorithm is chosen once per shape, strides
/// and alignment, so that equal calls sum in the same order. Throws UnsupportedDevice where the
/// library cannot be loaded (names it) and CudaError where it fails.
void multiply(const Launch& launch, const Product& product);

}  // namespace dsabench::cuda
