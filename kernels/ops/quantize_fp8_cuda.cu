#include "kernels/cuda/launch.h"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/fp8_scale.cuh"
#include "kernels/ops/hadamard.cuh"
#include "kernels/ops/quantize_fp8.h"

namespace dsabench::ops::detail {
namespace {

constexpr int kQuantizeThreads = 256;
constexpr int kWarps = kQuantizeThreads / cuda::kWarpSize;

/// One warp a block of values.
template <class T>
__global__ void quantize_kernel(cuda::Rows<const T> x_rows, cuda::Rows<std::uint8_t> out_rows,
                                cuda::Rows<float> scale_rows, std::int64_t rows, std::int64_t dim,
                                std::int64_t block, bool power_of_two) {
  const std::int64_t blocks = (dim + block - 1) / block;
  const std::int64_t at = std::int64_t{blockIdx.x} * kWarps + threadIdx.x / cuda::kWarpSize;
  const int lane = static_cast<int>(threadIdx.x) % cuda::kWarpSize;
  if (at >= rows * blocks) return;
  const std::int64_t r = at / blocks, begin = at % blocks * block;
  const std::int64_t count = min(block, dim - begin);
  const T* x = x_rows[r] + begin;
  float magnitude = kMinFp8Magnitude;
  bool finite = true;
  for (std::int64_t i = lane; i < count; i += cuda::kWarpSize) {
    const float value = fabsf(cuda::to_float(x[i]));
    magnitude = fmaxf(magnitude, value);
    finite = finite && isfinite(value);
  }
  magnitude = cuda::warp_max(magnitude);
  float scale = power_of_two ? power_of_two_scale(magnitude) : magnitude / 448.0f;
  if (__any_sync(~0u, !finite)) scale = cuda::quiet_nan();
  std::uint8_t* out = out_rows[r] + begin;
  for (std::int64_t i = lane; i < count; i += cuda::kWarpSize) {
    out[i] = cuda::float_to_e4m3(cuda::to_float(x[i]) / scale);
  }
  if (lane == 0) scale_rows[r][at % blocks] = scale;
}

template <class T>
__global__ void dequantize_kernel(cuda::Rows<const std::uint8_t> q_rows,
                                  cuda::Rows<const float> scale_rows, cuda::Rows<T> out_rows,
                                  std::int64_t columns, std::int64_t block_rows,
                                  std::int64_t block_columns) {
  const std::int64_t r = blockIdx.x;
  const std::uint8_t* q = q_rows[r];
  const float* scales = scale_rows[r / block_rows];
  for (std::int64_t i = threadIdx.x; i < columns; i += kQuantizeThreads) {
    cuda::store(out_rows[r][i], cuda::to_float(cuda::E4m3{q[i]}) * scales[i / block_columns]);
  }
}

/// One block a row, which passes through shared memory.
template <class T>
__global__ void hadamard_kernel(cuda::Rows<T> x_rows, int dim) {
  extern __shared__ float values[];
  T* x = x_rows[blockIdx.x];
  for (int i = static_cast<int>(threadIdx.x); i < dim; i += kQuantizeThreads) {
    values[i] = cuda::to_float(x[i]);
  }
  __syncthreads();
  hadamard_row<kQuantizeThreads>(values, dim,
                                 [&](int i, float value) { cuda::store(x[i], value); });
}

}  // namespace

void quantize_fp8_cuda(const Context& ctx, const QuantizeFp8Args& args) {
  const cuda::Launch launch(ctx, "quantize_fp8");
  const std::int64_t rows = args.x.dim(0), dim = args.x.dim(1);
  const std::int64_t blocks = rows * cuda::ceil_div(dim, args.block);
  if (blocks == 0) return;
  cuda::with_activation_type(args.x.dtype(), [&]<class T>(T) {
    quantize_kernel<T>
        <<<cuda::grid_size(cuda::ceil_div(blocks, kWarps)), kQuantizeThreads, 0, launch.stream()>>>(
            cuda::rows<const T>(args.x), cuda::rows<std::uint8_t>(args.out),
            cuda::rows<float>(args.scales), rows, dim, args.block, args.power_of_two_scale);
    launch.check();
  });
}

void dequantize_fp8_cuda(const Context& ctx, const DequantizeFp8Args& args) {
  const cuda::Launch launch(ctx, "dequantize_fp8");
  const std::int64_t rows = args.q.dim(0);
  if (rows == 0) return;
  cuda::with_activation_type(args.out.dtype(), [&]<class T>(T) {
    dequantize_kernel<T><<<cuda::grid_size(rows), kQuantizeThreads, 0, launch.stream()>>>(
        cuda::rows<const std::uint8_t>(args.q), cuda::rows<const float>(args.scales),
        cuda::rows<T>(args.out), args.q.dim(1), args.block_rows, args.block_columns);
    launch.check();
  });
}

void hadamard_cuda(const Context& ctx, const HadamardArgs& args) {
  const cuda::Launch launch(ctx, "hadamard");
  const std::int64_t rows = args.x.dim(0), dim = args.x.dim(1);
  if (rows == 0) return;
  cuda::with_activation_type(args.x.dtype(), [&]<class T>(T) {
    hadamard_kernel<T><<<cuda::grid_size(rows), kQuantizeThreads, static_cast<std::size_t>(dim) * 4,
                         launch.stream()>>>(cuda::rows<T>(args.x), static_cast<int>(dim));
    launch.check();
  });
}

}  // namespace dsabench::ops::detail
