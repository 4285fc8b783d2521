#include "kernels/cuda/numeric.cuh"
#include "kernels/cuda/reduce.cuh"
#include "train/row_kernels.h"

namespace dsabench::train {
namespace {

using cuda::Bf16;
using cuda::kWarpSize;
using cuda::ordered_bits;
using cuda::to_float;
using cuda::warp_max;
using cuda::warp_sum;

constexpr int kRowsPerBlock = 4;  // a warp each
constexpr unsigned kAll = 0xffffffffu;

__device__ float2 load_pair(const float* p) { return *reinterpret_cast<const float2*>(p); }
__device__ float2 load_pair(const Bf16* p) {
  const ushort2 bits = *reinterpret_cast<const ushort2*>(p);
  return {to_float(Bf16{bits.x}), to_float(Bf16{bits.y})};
}
__device__ void store_pair(float* p, float2 v) { *reinterpret_cast<float2*>(p) = v; }
__device__ void store_pair(Bf16* p, float2 v) {
  Bf16 x, y;
  cuda::store(x, v.x);
  cuda::store(y, v.y);
  *reinterpret_cast<ushort2*>(p) = {x.bits, y.bits};
}

/// One warp's row. Lane l has the keys 2 l and 2 l + 1 of each 64: PAIRS times two.
struct Row {
  std::int64_t index;
  int lane, length, query;

  __device__ Row(std::int64_t count, int row_length)
      : index(std::int64_t(blockIdx.x) * kRowsPerBlock + threadIdx.x / kWarpSize),
        lane(threadIdx.x % kWarpSize),
        length(row_length),
        query(int(index % row_length)) {
    if (index >= count) index = -1;
  }
  __device__ int key(int pair) const { return pair * 2 * kWarpSize + 2 * lane; }
  __device__ std::int64_t at(int pair) const { return index * length + key(pair); }
  __device__ std::int64_t mask_at(int pair, bool one_mask) const {
    return (one_mask ? std::int64_t(query) : index) * length + key(pair);
  }
};

/// Which of a pair the mask has.
__device__ uchar2 load_mask(const std::uint8_t* p) { return *reinterpret_cast<const uchar2*>(p); }

template <int PAIRS, class T>
__global__ void weighted_relu_kernel(std::int64_t count, int length, const T* products,
                                     const T* weights, int heads, float* scores) {
  const Row row(count, length);
  if (row.index < 0) return;
  float2 sums[PAIRS] = {};
  for (int h = 0; h < heads; ++h) {
    const std::int64_t head = row.index * heads + h;
    const float weight = to_float(weights[head]);
#pragma unroll
    for (int i = 0; i < PAIRS; ++i) {
      if (row.key(i) > row.query) break;
      const float2 p = load_pair(products + head * length + row.key(i));
      sums[i].x += weight * fmaxf(p.x, 0.0f);
      sums[i].y += weight * fmaxf(p.y, 0.0f);
    }
  }
#pragma unroll
  for (int i = 0; i < PAIRS; ++i) {
    if (row.key(i) >= length) break;
    if (row.key(i) + 1 > row.query) sums[i].y = 0.0f;
    store_pair(scores + row.at(i), sums[i]);
  }
}

template <int PAIRS, class T>
__global__ void weighted_relu_gradient_kernel(std::int64_t count, int length, const T* products,
                                              const T* weights, int heads, const float* gradient,
                                              T* of_products, T* of_weights) {
  const Row row(count, length);
  if (row.index < 0) return;
  float2 g[PAIRS] = {};
#pragma unroll
  for (int i = 0; i < PAIRS; ++i) {
    if (row.key(i) > row.query) break;
    g[i] = load_pair(gradient + row.at(i));
    if (row.key(i) + 1 > row.query) g[i].y = 0.0f;
  }
  for (int h = 0; h < heads; ++h) {
    const std::int64_t head = row.index * heads + h;
    const float weight = to_float(weights[head]);
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < PAIRS; ++i) {
      if (row.key(i) >= length) break;
      float2 out = {0.0f, 0.0f};
      if (row.key(i) <= row.query) {
        const float2 p = load_pair(products + head * length + row.key(i));
        sum += g[i].x * fmaxf(p.x, 0.0f) + g[i].y * fmaxf(p.y, 0.0f);
        out = {p.x > 0.0f ? g[i].x * weight : 0.0f, p.y > 0.0f ? g[i].y * weight : 0.0f};
      }
      store_pair(of_products + head * length + row.key(i), out);
    }
    sum = warp_sum(sum);
    if (row.lane == 0) cuda::store(of_weights[head], sum);
  }
}

template <int PAIRS>
__global__ void select_kernel(std::int64_t count, int length, const float* scores, int top_k,
                              std::uint8_t* mask) {
  const Row row(count, length);
  if (row.index < 0) return;
  const bool choose = row.query + 1 > top_k;
  unsigned keys[2 * PAIRS] = {};  // what is not seen is below every float
  unsigned last = 1;              // the k-th largest
  if (choose) {
#pragma unroll
    for (int i = 0; i < PAIRS; ++i) {
      if (row.key(i) > row.query) break;
      const float2 s = load_pair(scores + row.at(i));
      keys[2 * i] = ordered_bits(s.x);
      if (row.key(i) + 1 <= row.query) keys[2 * i + 1] = ordered_bits(s.y);
    }
    last = 0;
    for (unsigned bit = 0x80000000u; bit != 0; bit >>= 1) {
      const unsigned trial = last | bit;
      int enough = 0;
#pragma unroll
      for (int i = 0; i < 2 * PAIRS; ++i) enough += keys[i] >= trial;
      if (__reduce_add_sync(kAll, enough) >= top_k) last = trial;
    }
  }
  int above = 0;
#pragma unroll
  for (int i = 0; i < 2 * PAIRS; ++i) above += keys[i] > last;
  int room = top_k - __reduce_add_sync(kAll, above);  // for keys equal to the last, in order
  const unsigned before = (1u << row.lane) - 1;
#pragma unroll
  for (int i = 0; i < PAIRS; ++i) {
    if (i * 2 * kWarpSize >= length) break;
    const bool equal_x = keys[2 * i] == last, equal_y = keys[2 * i + 1] == last;
    const unsigned all_x = __ballot_sync(kAll, equal_x), all_y = __ballot_sync(kAll, equal_y);
    const int earlier = __popc(all_x & before) + __popc(all_y & before);
    uchar2 chosen;
    if (choose) {
      chosen.x = keys[2 * i] > last || (equal_x && earlier < room);
      chosen.y = keys[2 * i + 1] > last || (equal_y && earlier + equal_x < room);
    } else {
      chosen.x = row.key(i) <= row.query;
      chosen.y = row.key(i) + 1 <= row.query;
    }
    room -= __popc(all_x) + __popc(all_y);
    if (row.key(i) < length) *reinterpret_cast<uchar2*>(mask + row.at(i)) = chosen;
  }
}

template <int PAIRS, class T>
__global__ void mean_softmax_kernel(std::int64_t count, int length, const T* products, int heads,
                                    float scale, const std::uint8_t* mask, bool one_mask,
                                    float* p) {
  const Row row(count, length);
  if (row.index < 0) return;
  uchar2 seen[PAIRS] = {};
#pragma unroll
  for (int i = 0; i < PAIRS; ++i) {
    if (row.key(i) <= row.query) seen[i] = load_mask(mask + row.mask_at(i, one_mask));
  }
  float2 sums[PAIRS] = {};
  const std::int64_t sequence = row.index / length;
  for (int h = 0; h < heads; ++h) {
    const T* scores = products + ((sequence * heads + h) * length + row.query) * length;
    float2 s[PAIRS];
    float largest = -INFINITY;
#pragma unroll
    for (int i = 0; i < PAIRS; ++i) {
      s[i] = {-INFINITY, -INFINITY};
      if (seen[i].x == 0 && seen[i].y == 0) continue;
      const float2 v = load_pair(scores + row.key(i));
      if (seen[i].x != 0) s[i].x = v.x * scale;
      if (seen[i].y != 0) s[i].y = v.y * scale;
      largest = fmaxf(largest, fmaxf(s[i].x, s[i].y));
    }
    largest = warp_max(largest);
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < PAIRS; ++i) {
      s[i] = {expf(s[i].x - largest), expf(s[i].y - largest)};
      sum += s[i].x + s[i].y;
    }
    const float share = 1.0f / (warp_sum(sum) * float(heads));
#pragma unroll
    for (int i = 0; i < PAIRS; ++i) {
      sums[i].x += s[i].x * share;
      sums[i].y += s[i].y * share;
    }
  }
#pragma unroll
  for (int i = 0; i < PAIRS; ++i) {
    if (row.key(i) < length) store_pair(p + row.at(i), sums[i]);
  }
}

__device__ float term(float p, float log_q) { return p > 0.0f ? p * (logf(p) - log_q) : 0.0f; }

template <int PAIRS>
__global__ void divergence_kernel(std::int64_t count, int length, const float* scores,
                                  const std::uint8_t* mask, bool one_mask, const float* p,
                                  float* losses, float* gradient) {
  const Row row(count, length);
  if (row.index < 0) return;
  float2 s[PAIRS];
  float largest = -INFINITY;
#pragma unroll
  for (int i = 0; i < PAIRS; ++i) {
    s[i] = {-INFINITY, -INFINITY};
    if (row.key(i) > row.query) continue;
    const uchar2 seen = load_mask(mask + row.mask_at(i, one_mask));
    const float2 v = load_pair(scores + row.at(i));
    if (seen.x != 0) s[i].x = v.x;
    if (seen.y != 0) s[i].y = v.y;
    largest = fmaxf(largest, fmaxf(s[i].x, s[i].y));
  }
  largest = warp_max(largest);
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < PAIRS; ++i) sum += expf(s[i].x - largest) + expf(s[i].y - largest);
  const float log_sum = logf(warp_sum(sum)) + largest;
  float loss = 0.0f;
#pragma unroll
  for (int i = 0; i < PAIRS; ++i) {
    if (row.key(i) >= length) break;
    float2 out = {0.0f, 0.0f};
    if (row.key(i) <= row.query) {
      const float2 target = load_pair(p + row.at(i));
      const float2 log_q = {s[i].x - log_sum, s[i].y - log_sum};
      if (s[i].x > -INFINITY) {
        loss += term(target.x, log_q.x);
        out.x = expf(log_q.x) - target.x;
      }
      if (s[i].y > -INFINITY) {
        loss += term(target.y, log_q.y);
        out.y = expf(log_q.y) - target.y;
      }
    }
    store_pair(gradient + row.at(i), out);
  }
  loss = warp_sum(loss);
  if (row.lane == 0) losses[row.index] = loss;
}

/// Calls launch with the number of pairs of keys of a lane as a constant.
template <class Launch>
cudaError_t with_pairs(const Rows& rows, Launch launch) {
  if (rows.length < 2 || rows.length > kLongestRow || rows.length % 2 != 0 || rows.count < 1) {
    return cudaErrorInvalidValue;
  }
  const dim3 blocks(unsigned((rows.count + kRowsPerBlock - 1) / kRowsPerBlock));
  const int threads = kRowsPerBlock * kWarpSize;
  const std::int64_t pairs = (rows.length + 2 * kWarpSize - 1) / (2 * kWarpSize);
  if (pairs <= 2) {
    launch.template operator()<2>(blocks, threads);
  } else if (pairs <= 4) {
    launch.template operator()<4>(blocks, threads);
  } else if (pairs <= 8) {
    launch.template operator()<8>(blocks, threads);
  } else {
    launch.template operator()<16>(blocks, threads);
  }
  return cudaGetLastError();
}

}  // namespace

template <class T>
cudaError_t weighted_relu_rows(const Rows& rows, const T* products, const T* weights,
                               std::int64_t heads, float* scores) {
  return with_pairs(rows, [&]<int PAIRS>(dim3 blocks, int threads) {
    weighted_relu_kernel<PAIRS><<<blocks, threads, 0, rows.stream>>>(
        rows.count, int(rows.length), products, weights, int(heads), scores);
  });
}

template <class T>
cudaError_t weighted_relu_gradient_rows(const Rows& rows, const T* products, const T* weights,
                                        std::int64_t heads, const float* gradient, T* of_products,
                                        T* of_weights) {
  return with_pairs(rows, [&]<int PAIRS>(dim3 blocks, int threads) {
    weighted_relu_gradient_kernel<PAIRS>
        <<<blocks, threads, 0, rows.stream>>>(rows.count, int(rows.length), products, weights,
                                              int(heads), gradient, of_products, of_weights);
  });
}

cudaError_t select_rows(const Rows& rows, const float* scores, std::int64_t top_k,
                        std::uint8_t* mask) {
  return with_pairs(rows, [&]<int PAIRS>(dim3 blocks, int threads) {
    select_kernel<PAIRS><<<blocks, threads, 0, rows.stream>>>(rows.count, int(rows.length), scores,
                                                              int(top_k), mask);
  });
}

template <class T>
cudaError_t mean_softmax_rows(const Rows& rows, const T* products, std::int64_t heads, float scale,
                              const std::uint8_t* mask, bool one_mask, float* p) {
  return with_pairs(rows, [&]<int PAIRS>(dim3 blocks, int threads) {
    mean_softmax_kernel<PAIRS><<<blocks, threads, 0, rows.stream>>>(
        rows.count, int(rows.length), products, int(heads), scale, mask, one_mask, p);
  });
}

cudaError_t divergence_rows(const Rows& rows, const float* scores, const std::uint8_t* mask,
                            bool one_mask, const float* p, float* losses, float* gradient) {
  return with_pairs(rows, [&]<int PAIRS>(dim3 blocks, int threads) {
    divergence_kernel<PAIRS><<<blocks, threads, 0, rows.stream>>>(
        rows.count, int(rows.length), scores, mask, one_mask, p, losses, gradient);
  });
}

#define DSABENCH_ROWS_OF(T)                                                                       \
  template cudaError_t weighted_relu_rows(const Rows&, const T*, const T*, std::int64_t, float*); \
  template cudaError_t weighted_relu_gradient_rows(const Rows&, const T*, const T*, std::int64_t, \
                                                   const float*, T*, T*);                         \
  template cudaError_t mean_softmax_rows(const Rows&, const T*, std::int64_t, float,              \
                                         const std::uint8_t*, bool, float*);
DSABENCH_ROWS_OF(float)
DSABENCH_ROWS_OF(Bf16)

}  // namespace dsabench::train
