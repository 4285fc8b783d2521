#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace dsabench {

/// The inner loops of the CPU operators, compiled once per instruction set from one source and
/// chosen when the program runs.
///
/// Every function works on `n` contiguous f32 values; n may be 0; no alignment is asked for.
/// Pointers must not overlap, but an output may be exactly an input where a line says "in place".
/// Reductions run in an order that depends on the instruction set, not on alignment or thread.
struct VectorMath {
  /// "baseline", "avx2" or "avx512": recorded with each measurement.
  const char* isa;

  /// sum_i a[i] * b[i]; a may be b.
  float (*dot)(const float* a, const float* b, std::int64_t n);
  /// sum_i x[i]
  float (*sum)(const float* x, std::int64_t n);
  /// sum_i (x[i] - center)^2
  float (*sum_squares)(const float* x, float center, std::int64_t n);
  /// Largest x[i], NaN left out; -inf where nothing remains.
  float (*max)(const float* x, std::int64_t n);
  /// Largest |x[i]|, NaN left out; 0 where nothing remains.
  float (*max_magnitude)(const float* x, std::int64_t n);

  /// out[i] += x[i]
  void (*add)(float* out, const float* x, std::int64_t n);
  /// out[i] += factor * x[i]
  void (*axpy)(float* out, float factor, const float* x, std::int64_t n);
  /// out[i] += factor * relu(x[i]); relu(NaN) is NaN.
  void (*relu_axpy)(float* out, float factor, const float* x, std::int64_t n);
  /// x[i] *= factor
  void (*scale)(float* x, float factor, std::int64_t n);
  /// out[i] = weight[i] * ((x[i] - center) * factor) + (bias ? bias[i] : 0); in place: out may be
  /// x.
  void (*normalize)(float* out, const float* x, float center, float factor, const float* weight,
                    const float* bias, std::int64_t n);

  /// x[i] = exp(x[i] - max), the numerators of a softmax; returns their sum. Within 2 ulp,
  /// 0 below -104, NaN stays. `max` must be finite.
  float (*exp_minus_max_sum)(float* x, float max, std::int64_t n);
  /// out[i] = silu(gate[i]) * up[i], silu(x) = x / (1 + exp(-x)); in place: out may be either
  /// input.
  void (*silu_mul)(float* out, const float* gate, const float* up, std::int64_t n);
  /// out[i] = 1 / (1 + exp(-x[i])); in place: out may be x.
  void (*sigmoid)(float* out, const float* x, std::int64_t n);
  /// out[i] = the value of the e4m3 code x[i]; exact.
  void (*e4m3_to_f32)(float* out, const std::uint8_t* x, std::int64_t n);

  /// out[i] = sum_h weights[h] * relu(x[h * stride + i]), summed in order of h; relu(NaN) is NaN.
  void (*relu_weighted_sum)(float* out, const float* x, std::int64_t stride, const float* weights,
                            std::int64_t heads, std::int64_t n);
  /// Writes the indices i with x[i] > threshold, ascending, and returns their number. `indices` has
  /// room for n. NaN is never greater.
  std::int64_t (*select_greater)(std::int32_t* indices, const float* x, float threshold,
                                 std::int64_t n);
};

/// The best table that this CPU runs, or the one that the environment variable DSABENCH_CPU_ISA
/// names. The choice is made once. Throws InvalidArgument where that name is unknown or the CPU
/// lacks the instructions: call it before a parallel region, never inside.
const VectorMath& vector_math();

/// The table of that name. Throws InvalidArgument as `vector_math` does.
const VectorMath& vector_math_for(std::string_view isa);

/// Names of the tables this CPU runs, slowest first.
std::vector<std::string_view> supported_isas();

}  // namespace dsabench
