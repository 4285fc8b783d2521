#include <cmath>

#include "kernels/ops/linear.h"
#include "kernels/reference/linear.h"
#include "tests/support/compare.h"
#include "tests/support/cuda_test.h"

using namespace dsabench;
using namespace dsabench::test;

namespace {

Tensor normal(Random& random, DType dtype, std::vector<std::int64_t> shape) {
  Tensor tensor = random.normal_tensor(std::move(shape));
  round_to(dtype, tensor);
  return tensor;
}

Tensor magnitudes(const Tensor& tensor) {
  Tensor result = tensor.clone();
  for (std::int64_t i = 0; i < result.view().num_elements(); ++i) {
    result.data<float>()[i] = std::fabs(result.data<float>()[i]);
  }
  return result;
}

void check_linear(Random& random, DType dtype, DType out_dtype, std::int64_t tokens,
                  std::int64_t in, std::int64_t out) {
  CAPTURE(dtype_name(dtype), dtype_name(out_dtype), tokens, in, out);
  CudaTest gpu;
  const Tensor x = normal(random, dtype, {tokens, in}), weight = normal(random, dtype, {out, in});
  const Tensor bias = normal(random, dtype, {out});
  const bool with_bias = random.integer(0, 1) == 1;
  CAPTURE(with_bias);
  const CudaRows x_rows(gpu, random, x, dtype), weight_rows(gpu, random, weight, dtype);
  const CudaRows result(gpu, out_dtype, tokens, out, 8, 8);
  const TensorView bias_view = with_bias ? gpu.put(bias, out_dtype) : TensorView();
  const ops::LinearArgs args{x_rows.view(), weight_rows.view(), bias_view, result.view()};
  ops::linear(gpu.ctx, args);
  const Tensor got = result.get();
  CHECK(result.surroundings_intact());
  const std::span<const float> bias_row(bias.data<float>(),
                                        static_cast<std::size_t>(with_bias ? out : 0));
  Tensor x_size = magnitudes(x), weight_size = magnitudes(weight), bias_size = magnitudes(bias);
  const std::span<const float> bias_size_row(bias_size.data<float>(), bias_row.size());
  double worst = 0.0;
  for (std::int64_t t = 0; t < tokens; ++t) {
    const auto size = static_cast<std::size_t>(in);
    const auto want =
        reference::linear_row({x.view().row<float>(t), size}, weight.view(), bias_row);
    const auto terms = reference::linear_row({x_size.view().row<float>(t), size},
                                             weight_size.view(), bias_size_row);
    for (std::int64_t o = 0; o < out; ++o) {
      // One rounding of the result, before a bias too, and f32 sums: relative to the terms, for
      // they may cancel out.
      const auto at = static_cast<std::size_t>(o);
      const double product = with_bias ? want[at] - static_cast<double>(bias_row[at]) : 0.0;
      const double rounded = std::fabs(want[at]) + std::fabs(product);
      const double allowed = (out_dtype == DType::bf16 ? rounded / 256 : 0.0) + 2e-6 * terms[at];
      const double share = std::fabs(got.view().row<float>(t)[o] - want[at]) / allowed;
      if (!(share <= worst)) worst = share;
    }
  }
  CHECK(worst <= 1.0);
  const TensorView again = gpu.make(out_dtype, {tokens, out});
  check_repeats(gpu, again, [&] {
    ops::linear(gpu.ctx, {x_rows.view(), weight_rows.view(), bias_view, again});
  });
}

}  // namespace

TEST_CASE("cuda: linear agrees with double precision on ragged and strided shapes") {
  DSABENCH_SEEDED(random);
  for (const auto& [dtype, out_dtype] :
       {std::pair{DType::f32, DType::f32}, std::pair{DType::bf16, DType::bf16},
        std::pair{DType::bf16, DType::f32}}) {
    for (int round = 0; round < 6; ++round) {
      check_linear(random, dtype, out_dtype, random.integer(1, 20),
                   random.choice<std::int64_t>({1, 3, 64, 129, 304}),
                   random.choice<std::int64_t>({1, 2, 65, 128, 257}));
    }
    check_linear(random, dtype, out_dtype, 200, 1536, 300);
  }
}

TEST_CASE("cuda: head_linear multiplies every head, either way round") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kActivationTypes) {
    for (int round = 0; round < 8; ++round) {
      const std::int64_t tokens = random.integer(1, 30), heads = random.integer(1, 6);
      const std::int64_t in = random.choice<std::int64_t>({1, 24, 64, 192}),
                         out = random.choice<std::int64_t>({1, 16, 33, 512});
      const bool transposed = round % 2 == 1;
      CAPTURE(dtype_name(dtype), tokens, heads, in, out, transposed);
      CudaTest gpu;
      const Tensor x = normal(random, dtype, {tokens, heads * in});
      const Tensor weight =
          normal(random, dtype, {heads, transposed ? in : out, transposed ? out : in});
      const CudaRows x_rows(gpu, random, x, dtype), result(gpu, dtype, tokens, heads * out, 8, 8);
      ops::head_linear(gpu.ctx, {x_rows.view().split_last(heads, in), gpu.put(weight, dtype),
                                 result.view().split_last(heads, out), transposed});
      const Tensor got = result.get();
      CHECK(result.surroundings_intact());
      for (std::int64_t t = 0; t < tokens; ++t) {
        std::vector<double> want;
        for (std::int64_t h = 0; h < heads; ++h) {
          const std::span head(x.view().row<float>(t) + h * in, static_cast<std::size_t>(in));
          const ConstTensorView matrix(weight.view().row<float>(h), DType::f32,
                                       {weight.dim(1), weight.dim(2)});
          const auto row = transposed ? reference::linear_transposed_row(head, matrix)
                                      : reference::linear_row(head, matrix);
          want.insert(want.end(), row.begin(), row.end());
        }
        check_close(got.view().rows(t, 1), want, dtype == DType::bf16 ? 4e-3 : 1e-5);
      }
    }
  }
}
