/// The row-wise operators on CUDA, each against its double-precision reference.
#include <cmath>

#include "kernels/ops/add.h"
#include "kernels/ops/copy_rows.h"
#include "kernels/ops/embedding.h"
#include "kernels/ops/fill_normal.h"
#include "kernels/ops/layer_norm.h"
#include "kernels/ops/rms_norm.h"
#include "kernels/ops/rope.h"
#include "kernels/ops/sampling.h"
#include "kernels/ops/scale.h"
#include "kernels/ops/swiglu.h"
#include "kernels/reference/activation.h"
#include "kernels/reference/norm.h"
#include "kernels/reference/rope.h"
#include "tests/support/compare.h"
#include "tests/support/cuda_test.h"

using namespace dsabench;
using namespace dsabench::test;

namespace {

/// One rounding of the result in bf16, a few of f32.
double tolerance(DType dtype) { return dtype == DType::bf16 ? 4e-3 : 3e-6; }

Tensor normal(Random& random, DType dtype, std::vector<std::int64_t> shape) {
  Tensor tensor = random.normal_tensor(std::move(shape));
  round_to(dtype, tensor);
  return tensor;
}

std::span<const float> row(const Tensor& tensor, std::int64_t r) {
  return {tensor.view().row<float>(r), static_cast<std::size_t>(tensor.dim(1))};
}
std::span<const float> all(const Tensor& tensor) {
  return {tensor.data<float>(), static_cast<std::size_t>(tensor.view().num_elements())};
}

/// Calls body(dtype, tokens, dim, rows) for random shapes, odd ones and ones that vectors fit.
template <class Body>
void for_shapes(Random& random, Body&& body) {
  for (const DType dtype : kActivationTypes) {
    for (int trial = 0; trial < 6; ++trial) {
      const std::int64_t tokens = random.integer(1, 40);
      const std::int64_t dim = random.choice<std::int64_t>({1, 7, 128, 576, 2048, 2051, 5128});
      for (const auto rows : {CudaRows::Rows::aligned, CudaRows::Rows::odd}) {
        CAPTURE(dtype_name(dtype), tokens, dim, rows == CudaRows::Rows::aligned);
        body(dtype, tokens, dim, rows);
      }
    }
  }
}

}  // namespace

TEST_CASE("cuda: add and swiglu match their references") {
  DSABENCH_SEEDED(random);
  for_shapes(random, [&](DType dtype, std::int64_t tokens, std::int64_t dim, CudaRows::Rows rows) {
    CudaTest gpu;
    const Tensor a = normal(random, dtype, {tokens, dim}), b = normal(random, dtype, {tokens, dim});
    const CudaRows left(gpu, a, dtype, rows), right(gpu, b, dtype, rows);
    const CudaRows out(gpu, dtype, tokens, dim, rows);
    ops::swiglu(gpu.ctx, {left.view(), right.view(), out.view()});
    ops::add(gpu.ctx, {left.view(), right.view()});
    const Tensor product = out.get(), sum = left.get();
    CHECK(out.surroundings_intact());
    std::vector<double> want;
    for (std::int64_t i = 0; i < tokens * dim; ++i) {
      want.push_back(static_cast<double>(a.data<float>()[i]) +
                     static_cast<double>(b.data<float>()[i]));
    }
    check_close(sum, want, tolerance(dtype));
    for (std::int64_t t = 0; t < tokens; ++t) {
      check_close(product.view().rows(t, 1), reference::swiglu_row(row(a, t), row(b, t)),
                  tolerance(dtype));
    }
  });
}

TEST_CASE("cuda: the norms match their references") {
  DSABENCH_SEEDED(random);
  for_shapes(random, [&](DType dtype, std::int64_t tokens, std::int64_t dim, CudaRows::Rows rows) {
    CudaTest gpu;
    const Tensor x = normal(random, dtype, {tokens, dim}), weight = normal(random, dtype, {dim}),
                 bias = normal(random, dtype, {dim});
    const CudaRows from(gpu, x, dtype, rows);
    const CudaRows rms(gpu, dtype, tokens, dim, rows), layer(gpu, dtype, tokens, dim, 8, 8);
    const TensorView weights = gpu.put(weight, dtype), biases = gpu.put(bias, dtype);
    ops::rms_norm(gpu.ctx, {from.view(), weights, rms.view(), 1e-6f});
    ops::layer_norm(gpu.ctx, {from.view(), weights, biases, layer.view(), 1e-5f});
    const Tensor got_rms = rms.get(), got_layer = layer.get();
    CHECK(rms.surroundings_intact());
    CHECK(layer.surroundings_intact());
    for (std::int64_t t = 0; t < tokens; ++t) {
      check_close(got_rms.view().rows(t, 1), reference::rms_norm_row(row(x, t), all(weight), 1e-6),
                  tolerance(dtype));
      check_close(got_layer.view().rows(t, 1),
                  reference::layer_norm_row(row(x, t), all(weight), all(bias), 1e-5),
                  tolerance(dtype));
    }
    const TensorView again = gpu.make(dtype, {tokens, dim});
    check_repeats(gpu, again, [&] {
      ops::rms_norm(gpu.ctx, {from.view(), weights, again, 1e-6f});
    });
    // In place.
    ops::rms_norm(gpu.ctx, {from.view(), weights, from.view(), 1e-6f});
    CHECK(compare(from.get(), got_rms.view()).max_abs == 0.0);
  });
}

TEST_CASE("cuda: rope turns by accurate angles") {
  DSABENCH_SEEDED(random);
  for (const DType dtype : kActivationTypes) {
    for (int trial = 0; trial < 6; ++trial) {
      CudaTest gpu;
      const std::int64_t tokens = random.integer(1, 20), heads = random.integer(1, 5);
      const std::int64_t pairs = random.choice<std::int64_t>({1, 5, 32, 300});
      const auto layout =
          trial % 2 == 0 ? ops::RopeLayout::interleaved : ops::RopeLayout::half_split;
      CAPTURE(dtype_name(dtype), tokens, heads, pairs);
      ops::RopeFrequencies frequencies = ops::rope_frequencies({2 * pairs, 1e6, {}});
      frequencies.magnitude = 1.25f;
      const Tensor positions = random.integer_tensor({tokens}, 0, 200000);
      const Tensor x = normal(random, dtype, {tokens, heads * 2 * pairs});
      const CudaRows on_device(gpu, random, x, dtype);
      const TensorView cos = gpu.make(DType::f32, {tokens, pairs});
      const TensorView sin = gpu.make(DType::f32, {tokens, pairs});
      ops::rope_angles(gpu.ctx, {&frequencies, gpu.put(positions), cos, sin});
      ops::rope(gpu.ctx, {on_device.view().split_last(heads, 2 * pairs), cos, sin, layout});
      const Tensor got = on_device.get();
      for (std::int64_t t = 0; t < tokens; ++t) {
        std::vector<double> want;
        for (std::int64_t h = 0; h < heads; ++h) {
          const auto head =
              reference::rope_row(row(x, t).subspan(static_cast<std::size_t>(h * 2 * pairs),
                                                    static_cast<std::size_t>(2 * pairs)),
                                  positions.data<std::int32_t>()[t], frequencies.inv_freq,
                                  static_cast<double>(frequencies.magnitude), layout);
          want.insert(want.end(), head.begin(), head.end());
        }
        check_close(got.view().rows(t, 1), want, tolerance(dtype));
      }
    }
  }
}

TEST_CASE("cuda: embedding copies rows and shows an unknown token as NaN") {
  DSABENCH_SEEDED(random);
  for_shapes(random, [&](DType dtype, std::int64_t tokens, std::int64_t dim, CudaRows::Rows kind) {
    CudaTest gpu;
    const std::int64_t vocab = random.integer(1, 50);
    const Tensor table = normal(random, dtype, {vocab, dim});
    Tensor ids = random.integer_tensor({tokens}, 0, vocab - 1);
    if (tokens > 1) ids.data<std::int32_t>()[1] = random.integer(0, 1) == 0 ? -1 : vocab;
    const CudaRows out(gpu, dtype, tokens, dim, kind);
    ops::embedding(gpu.ctx, {CudaRows(gpu, table, dtype, kind).view(), gpu.put(ids), out.view()});
    const Tensor got = out.get();
    CHECK(out.surroundings_intact());
    for (std::int64_t t = 0; t < tokens; ++t) {
      for (std::int64_t i = 0; i < dim; ++i) {
        const float value = got.view().row<float>(t)[i];
        if (t == 1) {
          REQUIRE(std::isnan(value));
        } else {
          REQUIRE(value == table.view().row<float>(ids.data<std::int32_t>()[t])[i]);
        }
      }
    }
  });
}

TEST_CASE("cuda: argmax takes the lowest of equals and never a NaN") {
  DSABENCH_SEEDED(random);
  for (int trial = 0; trial < 10; ++trial) {
    CudaTest gpu;
    const std::int64_t rows = random.integer(1, 9), vocab = random.integer(1, 40000);
    Tensor logits = random.normal_tensor({rows, vocab});
    for (std::int64_t i = 0; i < rows * vocab; ++i) {
      if (trial % 2 == 0) logits.data<float>()[i] = static_cast<float>(random.integer(-3, 3));
      if (random.integer(0, 9) == 0) logits.data<float>()[i] = std::nanf("");
    }
    std::fill_n(logits.view().row<float>(0), vocab, std::nanf(""));
    const TensorView out = gpu.make(DType::i32, {rows});
    ops::argmax(gpu.ctx, {CudaRows(gpu, random, logits, DType::f32).view(), out});
    const Tensor got = gpu.get(out);
    for (std::int64_t r = 0; r < rows; ++r) {
      std::int32_t best = 0;
      const float* values = logits.view().row<float>(r);
      for (std::int32_t i = 0; i < vocab; ++i) {
        if (values[i] > values[best] || (std::isnan(values[best]) && !std::isnan(values[i]))) {
          best = i;
        }
      }
      CHECK(got.data<std::int32_t>()[r] == best);
    }
  }
}

TEST_CASE("cuda: copy_rows rounds once between its types") {
  DSABENCH_SEEDED(random);
  for_shapes(random,
             [&](DType dtype, std::int64_t rows, std::int64_t columns, CudaRows::Rows kind) {
               CudaTest gpu;
               const Tensor values = normal(random, dtype, {rows, columns});
               const CudaRows from(gpu, values, dtype, kind);
               for (const DType to_dtype : kActivationTypes) {
                 const CudaRows to(gpu, to_dtype, rows, columns, kind);
                 ops::copy_rows(gpu.ctx, {from.view(), to.view()});
                 Tensor expected = values.clone();
                 round_to(to_dtype, expected);
                 CHECK(to_doubles(to.get()) == to_doubles(expected));
                 CHECK(to.surroundings_intact());
               }
             });
}

TEST_CASE("cuda: scale multiplies as the CPU does, bit for bit") {
  DSABENCH_SEEDED(random);
  CudaTest gpu;
  Tensor values = random.normal_tensor({random.integer(1, 70), random.integer(1, 40)});
  const Tensor scales = random.normal_tensor({values.dim(0), values.dim(1)});
  const TensorView there = gpu.put(values);
  const TensorView scales_there = gpu.put(scales);
  for (const bool scaled : {true, false}) {
    ops::scale({}, {values, scaled ? scales.view() : ConstTensorView(), 0.37f});
    ops::scale(gpu.ctx, {there, scaled ? scales_there : TensorView(), 0.37f});
    CHECK(to_doubles(gpu.get(there)) == to_doubles(values));
  }
}

TEST_CASE("cuda: fill_normal has the CPU's bits") {
  DSABENCH_SEEDED(random);
  CudaTest gpu;
  for (const DType dtype : kActivationTypes) {
    Tensor host(DType::f32, {random.integer(1, 300), random.integer(1, 300)});
    const TensorView there = gpu.make(dtype, {host.dim(0), host.dim(1)});
    const auto seed = static_cast<std::uint64_t>(random.integer(0, 1 << 30));
    ops::fill_normal({}, {host, seed, 5, 0.3f});
    ops::fill_normal(gpu.ctx, {there, seed, 5, 0.3f});
    round_to(dtype, host);
    CHECK(to_doubles(gpu.get(there)) == to_doubles(host));
  }
}
