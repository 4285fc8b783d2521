#pragma once
/// FP8 quantisation and the Hadamard transform by their definitions.
#include <cstdint>
#include <span>
#include <vector>

namespace dsabench::reference {

/// Value of an e4m3 code (finite-only variant): (-1)^s * 2^(e - 7) * (1 + m / 8), subnormal where
/// e = 0, NaN for 0x7f and 0xff.
double e4m3_value(std::uint8_t code);

/// The finite code nearest to `value` by trying all 254, ties to the even one, the sign kept;
/// beyond +-448 the largest. NaN gives 0x7f.
std::uint8_t nearest_e4m3(double value);

struct Fp8Block {
  std::vector<std::uint8_t> codes;
  float scale = 0.0f;
};

/// One block as kernels/ops/quantize_fp8.h defines it, bit for bit, for finite x.
Fp8Block quantize_block(std::span<const float> x, bool power_of_two_scale);

/// A row of the fp8 latent cache (kernels/ops/fp8_latents.h) from its values, latent_dim and then
/// rope_dim of them; and the values that such a row holds.
std::vector<std::uint8_t> fp8_latent_row(std::span<const float> values, std::int64_t latent_dim);
std::vector<float> fp8_latent_values(std::span<const std::uint8_t> row, std::int64_t latent_dim,
                                     std::int64_t rope_dim);

/// out[i] = dim^-0.5 * sum_j (-1)^popcount(i & j) x[j]
std::vector<double> hadamard_row(std::span<const float> x);

}  // namespace dsabench::reference
