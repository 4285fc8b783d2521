#include <algorithm>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/rope.h"

namespace dsabench::ops::detail {
namespace {

constexpr int kRopeThreads = 256;

/// Frequencies as a kernel argument: no copy that a captured graph would repeat from dead memory.
constexpr int kMaxFrequencies = 256;
struct Frequencies {
  float inv_freq[kMaxFrequencies];
};

__global__ void angles_kernel(const std::int32_t* positions, Frequencies frequencies, int count,
                              float magnitude, cuda::Rows<float> cos_rows,
                              cuda::Rows<float> sin_rows, std::int64_t tokens) {
  const std::int64_t at = std::int64_t{blockIdx.x} * kRopeThreads + threadIdx.x;
  const std::int64_t t = at / count;
  if (t >= tokens) return;
  const int i = static_cast<int>(at % count);
  const float angle = static_cast<float>(positions[t]) * frequencies.inv_freq[i];
  double sine = 0.0, cosine = 0.0;
  sincos(static_cast<double>(angle), &sine, &cosine);
  cos_rows[t][i] = static_cast<float>(cosine) * magnitude;
  sin_rows[t][i] = static_cast<float>(sine) * magnitude;
}

template <class T>
struct RopeRows {
  T* data;
  std::int64_t token_stride, head_stride, tokens, heads, pairs;
};

template <class T>
__global__ void rope_kernel(RopeRows<T> x, cuda::Rows<const float> cos_rows,
                            cuda::Rows<const float> sin_rows, bool interleaved) {
  const std::int64_t at = std::int64_t{blockIdx.x} * kRopeThreads + threadIdx.x;
  const std::int64_t i = at % x.pairs, h = at / x.pairs % x.heads, t = at / x.pairs / x.heads;
  if (t >= x.tokens) return;
  T* head = x.data + t * x.token_stride + h * x.head_stride;
  T& a = head[interleaved ? 2 * i : i];
  T& b = head[interleaved ? 2 * i + 1 : i + x.pairs];
  const float first = cuda::to_float(a), second = cuda::to_float(b);
  const float cosine = cos_rows[t][i], sine = sin_rows[t][i];
  cuda::store(a, first * cosine - second * sine);
  cuda::store(b, second * cosine + first * sine);
}

}  // namespace

void rope_angles_cuda(const Context& ctx, const RopeAnglesArgs& args) {
  const cuda::Launch launch(ctx, "rope_angles");
  const std::int64_t tokens = args.positions.dim(0), pairs = args.cos.dim(1);
  for (std::int64_t begin = 0; begin < pairs && tokens > 0; begin += kMaxFrequencies) {
    const std::int64_t count = std::min<std::int64_t>(kMaxFrequencies, pairs - begin);
    Frequencies frequencies{};
    std::copy_n(args.frequencies->inv_freq.begin() + begin, count, frequencies.inv_freq);
    angles_kernel<<<cuda::grid_size(cuda::ceil_div(tokens * count, kRopeThreads)), kRopeThreads, 0,
                    launch.stream()>>>(
        args.positions.data<std::int32_t>(), frequencies, static_cast<int>(count),
        args.frequencies->magnitude, {args.cos.data<float>() + begin, args.cos.stride(0)},
        {args.sin.data<float>() + begin, args.sin.stride(0)}, tokens);
    launch.check();
  }
}

void rope_cuda(const Context& ctx, const RopeArgs& args) {
  const cuda::Launch launch(ctx, "rope");
  const std::int64_t tokens = args.x.dim(0), heads = args.x.dim(1), pairs = args.x.dim(2) / 2;
  if (tokens * heads * pairs == 0) return;
  cuda::with_activation_type(args.x.dtype(), [&]<class T>(T) {
    const RopeRows<T> x{
        cuda::rows<T>(args.x).data, args.x.stride(0), args.x.stride(1), tokens, heads, pairs};
    rope_kernel<T><<<cuda::grid_size(cuda::ceil_div(tokens * heads * pairs, kRopeThreads)),
                     kRopeThreads, 0, launch.stream()>>>(x, cuda::rows<const float>(args.cos),
                                                         cuda::rows<const float>(args.sin),
                                                         args.layout == RopeLayout::interleaved);
    launch.check();
  });
}

}  // namespace dsabench::ops::detail
