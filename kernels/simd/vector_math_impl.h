/// The bodies of VectorMath, compiled once for each instruction set: the including file defines
/// DSABENCH_ISA_NAMESPACE. No include guard, no standard templates and no external inline
/// functions: a copy with wide instructions must never be the one the linker keeps for all.
#include <cstdint>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include "kernels/simd/vector_math.h"

namespace dsabench::DSABENCH_ISA_NAMESPACE {
namespace {

using std::int64_t;

constexpr std::int32_t kLowestBits = -0x7fffffff - 1;
constexpr std::int32_t kMinusInfinityBits = kLowestBits + 0x7fffff;  // ordered_bits(-inf)

inline float select(bool condition, float yes, float no) { return condition ? yes : no; }

inline float power_of_two(std::int32_t exponent) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(exponent + 127) << 23);
}

/// exp for x <= 88: Cody-Waite reduction to |r| <= ln2/2, the Taylor polynomial of degree 7 (its
/// remainder there is below 1e-8), and a scale in two steps so that subnormal results round once.
/// Comparisons are false for NaN: it stays.
inline float exp_below_88(float x) {
  constexpr float kLog2e = 1.44269504f;
  constexpr float kLn2High = 0.693145752f;
  constexpr float kLn2Low = 1.42860677e-6f;
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves an integer in the low bits
  const float clamped = select(x < -105.0f, -105.0f, x);
  const float shifted = clamped * kLog2e + kRound;
  const float whole = shifted - kRound;
  const float r = (clamped - whole * kLn2High) - whole * kLn2Low;
  float p = 1.98412698e-4f;
  p = p * r + 1.38888889e-3f;
  p = p * r + 8.33333333e-3f;
  p = p * r + 4.16666667e-2f;
  p = p * r + 1.66666667e-1f;
  p = p * r + 0.5f;
  p = p * r * r + r + 1.0f;
  const auto exponent = static_cast<std::int32_t>(__builtin_bit_cast(std::uint32_t, shifted) -
                                                  __builtin_bit_cast(std::uint32_t, kRound));
  const std::int32_t half = exponent >> 1;
  return p * power_of_two(half) * power_of_two(exponent - half);
}

/// 1 / (1 + exp(-x)) without overflow: e = exp(-|x|), then 1 / (1 + e) or e / (1 + e).
inline float logistic(float x) {
  const float e = exp_below_88(-__builtin_fabsf(x));
  return select(x < 0.0f, e, 1.0f) / (1.0f + e);
}

float dot(const float* a, const float* b, int64_t n) {
  float total = 0.0f;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < n; ++i) total += a[i] * b[i];
  return total;
}

float sum(const float* x, int64_t n) {
  float total = 0.0f;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < n; ++i) total += x[i];
  return total;
}

float sum_squares(const float* x, float center, int64_t n) {
  float total = 0.0f;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < n; ++i) total += (x[i] - center) * (x[i] - center);
  return total;
}

/// The bits of x as an integer that orders as the value does: neither compiler vectorises a float
/// maximum without being told to forget NaN. NaN comes below every number.
inline std::int32_t ordered_bits(float x) {
  const auto bits = __builtin_bit_cast(std::int32_t, x);
  const std::int32_t ordered = bits ^ ((bits >> 31) & 0x7fffffff);
  return (bits & 0x7fffffff) > 0x7f800000 ? kLowestBits : ordered;
}

float max(const float* x, int64_t n) {
  std::int32_t best = kMinusInfinityBits;
#pragma omp simd reduction(max : best)
  for (int64_t i = 0; i < n; ++i) {
    const std::int32_t bits = ordered_bits(x[i]);
    best = bits > best ? bits : best;
  }
  return __builtin_bit_cast(float, best ^ ((best >> 31) & 0x7fffffff));
}

float max_magnitude(const float* x, int64_t n) {
  std::int32_t best = 0;
#pragma omp simd reduction(max : best)
  for (int64_t i = 0; i < n; ++i) {
    const std::int32_t bits = ordered_bits(__builtin_fabsf(x[i]));
    best = bits > best ? bits : best;
  }
  return __builtin_bit_cast(float, best);
}

void add(float* out, const float* x, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] += x[i];
}

void axpy(float* out, float factor, const float* x, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] += factor * x[i];
}

void relu_axpy(float* out, float factor, const float* x, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] += factor * select(x[i] < 0.0f, 0.0f, x[i]);
}

void scale(float* x, float factor, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}

void normalize(float* out, const float* x, float center, float factor, const float* weight,
               const float* bias, int64_t n) {
  if (bias == nullptr) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) out[i] = weight[i] * ((x[i] - center) * factor);
  } else {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) out[i] = weight[i] * ((x[i] - center) * factor) + bias[i];
  }
}

float exp_minus_max_sum(float* x, float max, int64_t n) {
  float total = 0.0f;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < n; ++i) {
    x[i] = exp_below_88(x[i] - max);
    total += x[i];
  }
  return total;
}

void silu_mul(float* out, const float* gate, const float* up, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = gate[i] * logistic(gate[i]) * up[i];
}

void sigmoid(float* out, const float* x, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = logistic(x[i]);
}

void e4m3_to_f32(float* out, const std::uint8_t* x, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const std::uint32_t magnitude = x[i] & 0x7fu;
    const std::uint32_t sign = (x[i] & 0x80u) << 24;
    // Subnormal codes by conversion: as f32 bits times a constant they would be slow subnormals.
    const float small = static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-9f;
    const float normal = __builtin_bit_cast(float, (magnitude << 20) + (120u << 23));
    const float finite = select(magnitude < 8, small, normal);
    const float value = select(magnitude == 0x7fu, __builtin_nanf(""), finite);
    out[i] = __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, value) | sign);
  }
}

/// Sixty-four sums stay in registers over all heads: the products of a tile are read once and no
/// partial sum goes through memory.
void relu_weighted_sum(float* out, const float* x, int64_t stride, const float* weights,
                       int64_t heads, int64_t n) {
  constexpr int64_t kBlock = 64;
  int64_t begin = 0;
  for (; begin + kBlock <= n; begin += kBlock) {
    float total[kBlock] = {};
    for (int64_t h = 0; h < heads; ++h) {
      const float* row = x + h * stride + begin;
      const float weight = weights[h];
#pragma omp simd
      for (int64_t i = 0; i < kBlock; ++i) total[i] += weight * select(row[i] < 0.0f, 0.0f, row[i]);
    }
#pragma omp simd
    for (int64_t i = 0; i < kBlock; ++i) out[begin + i] = total[i];
  }
  for (; begin < n; ++begin) {
    float total = 0.0f;
    for (int64_t h = 0; h < heads; ++h) {
      const float value = x[h * stride + begin];
      total += weights[h] * select(value < 0.0f, 0.0f, value);
    }
    out[begin] = total;
  }
}

int64_t select_greater(std::int32_t* indices, const float* x, float threshold, int64_t n) {
  int64_t count = 0, begin = 0;
#ifdef __AVX512F__
  const __m512 limit = _mm512_set1_ps(threshold);
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (; begin + 16 <= n; begin += 16) {
    const __mmask16 greater = _mm512_cmp_ps_mask(_mm512_loadu_ps(x + begin), limit, _CMP_GT_OQ);
    if (greater == 0) continue;
    const __m512i at = _mm512_add_epi32(lanes, _mm512_set1_epi32(static_cast<int>(begin)));
    _mm512_mask_compressstoreu_epi32(indices + count, greater, at);
    count += __builtin_popcount(greater);
  }
#else
  constexpr int64_t kBlock = 32;  // most blocks hold nothing: one test passes over them
  for (; begin + kBlock <= n; begin += kBlock) {
    std::int32_t any = 0;
#pragma omp simd reduction(| : any)
    for (int64_t i = 0; i < kBlock; ++i) any |= x[begin + i] > threshold ? 1 : 0;
    if (any == 0) continue;
    for (int64_t i = begin; i < begin + kBlock; ++i) {
      indices[count] = static_cast<std::int32_t>(i);
      count += x[i] > threshold ? 1 : 0;
    }
  }
#endif
  for (; begin < n; ++begin) {
    indices[count] = static_cast<std::int32_t>(begin);
    count += x[begin] > threshold ? 1 : 0;
  }
  return count;
}

}  // namespace

extern const VectorMath kVectorMath;
const VectorMath kVectorMath = {DSABENCH_ISA_NAME,
                                dot,
                                sum,
                                sum_squares,
                                max,
                                max_magnitude,
                                add,
                                axpy,
                                relu_axpy,
                                scale,
                                normalize,
                                exp_minus_max_sum,
                                silu_mul,
                                sigmoid,
                                e4m3_to_f32,
                                relu_weighted_sum,
                                select_greater};

}  // namespace dsabench::DSABENCH_ISA_NAMESPACE
