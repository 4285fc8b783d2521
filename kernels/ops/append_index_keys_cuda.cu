#include <type_traits>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/append_index_keys.h"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/fp8_scale.cuh"
#include "kernels/ops/hadamard.cuh"

namespace dsabench::ops::detail {
namespace {

constexpr int kKeyThreads = 128;

template <class T, class Stored>
struct IndexKeys {
  cuda::Rows<const T> x;
  const T* weight;
  const T* bias;
  cuda::Rows<const float> cos, sin;
  const std::int32_t* slots;
  cuda::Rows<Stored> keys;
  float* scales;  ///< null where keys are stored as they are
  std::int64_t cached;
  int dim, pairs;
  float eps;
  bool interleaved, hadamard;
};

/// What is left of a value that an operator of its own would have stored.
template <class T>
__device__ __forceinline__ float through(float value) {
  T stored;
  cuda::store(stored, value);
  return cuda::to_float(stored);
}

template <class T, class Stored>
__device__ __forceinline__ void normalize(const IndexKeys<T, Stored>& args, float* row) {
  const T* x = args.x[blockIdx.x];
  float sum = 0.0f;
  for (int i = static_cast<int>(threadIdx.x); i < args.dim; i += kKeyThreads) {
    sum += cuda::to_float(x[i]);
  }
  const float mean = cuda::block_sum(sum) / static_cast<float>(args.dim);
  float squares = 0.0f;
  for (int i = static_cast<int>(threadIdx.x); i < args.dim; i += kKeyThreads) {
    const float distance = cuda::to_float(x[i]) - mean;
    squares += distance * distance;
  }
  const float variance = cuda::block_sum(squares) / static_cast<float>(args.dim);
  const float factor = 1.0f / sqrtf(variance + args.eps);
  for (int i = static_cast<int>(threadIdx.x); i < args.dim; i += kKeyThreads) {
    row[i] = through<T>((cuda::to_float(x[i]) - mean) * factor * cuda::to_float(args.weight[i]) +
                        cuda::to_float(args.bias[i]));
  }
  __syncthreads();
}

template <class T, class Stored>
__device__ __forceinline__ void rotate(const IndexKeys<T, Stored>& args, float* row) {
  for (int i = static_cast<int>(threadIdx.x); i < args.pairs; i += kKeyThreads) {
    float& a = row[args.interleaved ? 2 * i : i];
    float& b = row[args.interleaved ? 2 * i + 1 : i + args.pairs];
    const float first = a, second = b;
    const float cosine = args.cos[blockIdx.x][i], sine = args.sin[blockIdx.x][i];
    a = through<T>(first * cosine - second * sine);
    b = through<T>(second * cosine + first * sine);
  }
  __syncthreads();
}

/// One block a row, which passes through shared memory.
template <class T, class Stored>
__global__ void __launch_bounds__(kKeyThreads) append_keys_kernel(const IndexKeys<T, Stored> args) {
  extern __shared__ float row[];
  const std::int64_t slot = args.slots[blockIdx.x];
  if (slot < 0 || slot >= args.cached) return;
  normalize(args, row);
  rotate(args, row);
  if (args.hadamard) {
    hadamard_row<kKeyThreads>(row, args.dim,
                              [&](int i, float value) { row[i] = through<T>(value); });
    __syncthreads();
  }
  Stored* out = args.keys[slot];
  if constexpr (std::is_same_v<Stored, T>) {
    for (int i = static_cast<int>(threadIdx.x); i < args.dim; i += kKeyThreads) {
      cuda::store(out[i], row[i]);
    }
  } else {
    float magnitude = kMinFp8Magnitude;
    bool finite = true;
    for (int i = static_cast<int>(threadIdx.x); i < args.dim; i += kKeyThreads) {
      magnitude = fmaxf(magnitude, fabsf(row[i]));
      finite = finite && isfinite(row[i]);
    }
    float scale = power_of_two_scale(cuda::block_max(magnitude));
    if (__syncthreads_or(finite ? 0 : 1) != 0) scale = cuda::quiet_nan();
    for (int i = static_cast<int>(threadIdx.x); i < args.dim; i += kKeyThreads) {
      out[i].bits = cuda::float_to_e4m3(row[i] / scale);
    }
    if (threadIdx.x == 0) args.scales[slot] = scale;
  }
}

template <class T, class Stored>
void run(const cuda::Launch& launch, const AppendIndexKeysArgs& args) {
  const std::int64_t tokens = args.x.dim(0), dim = args.x.dim(1);
  const IndexKeys<T, Stored> keys{cuda::rows<const T>(args.x),
                                  cuda::rows<const T>(args.norm_weight).data,
                                  cuda::rows<const T>(args.norm_bias).data,
                                  cuda::rows<const float>(args.cos),
                                  cuda::rows<const float>(args.sin),
                                  args.slots.data<std::int32_t>(),
                                  cuda::rows<Stored>(args.keys),
                                  args.key_scales.empty() ? nullptr : args.key_scales.data<float>(),
                                  args.keys.dim(0),
                                  static_cast<int>(dim),
                                  static_cast<int>(args.cos.dim(1)),
                                  args.eps,
                                  args.rope_layout == RopeLayout::interleaved,
                                  args.hadamard};
  append_keys_kernel<T, Stored><<<cuda::grid_size(tokens), kKeyThreads,
                                  static_cast<std::size_t>(dim) * 4, launch.stream()>>>(keys);
  launch.check();
}

}  // namespace

void append_index_keys_cuda(const Context& ctx, const AppendIndexKeysArgs& args) {
  const cuda::Launch launch(ctx, "append_index_keys");
  if (args.x.dim(0) == 0) return;
  cuda::with_activation_type(args.x.dtype(), [&]<class T>(T) {
    if (args.keys.dtype() == DType::f8_e4m3) {
      run<T, cuda::E4m3>(launch, args);
    } else {
      run<T, T>(launch, args);
    }
  });
}

}  // namespace dsabench::ops::detail
