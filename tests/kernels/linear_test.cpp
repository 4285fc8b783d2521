#include "kernels/ops/linear.h"

#include "kernels/reference/linear.h"
#include "tests/kernels/device_views.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

void check_linear(test::Random& random, std::int64_t tokens, std::int64_t in, std::int64_t out) {
  CAPTURE(tokens, in, out);
  test::StridedMatrix x(DType::f32, tokens, in), weight(DType::f32, out, in, 2, 1),
      result(DType::f32, tokens, out, 4, 3);
  random.fill_normal(x.storage());
  random.fill_normal(weight.storage());
  const Tensor bias = random.normal_tensor({out});
  const bool with_bias = random.integer(0, 1) == 1;
  const ConstTensorView bias_view = with_bias ? bias.view() : ConstTensorView();
  ops::linear({}, {x.view(), weight.view(), bias_view, result.view()});
  std::vector<double> want;
  for (std::int64_t t = 0; t < tokens; ++t) {
    const std::span bias_span(bias.data<float>(), static_cast<std::size_t>(with_bias ? out : 0));
    const auto row = reference::linear_row({x.view().row<float>(t), static_cast<std::size_t>(in)},
                                           weight.view(), bias_span);
    want.insert(want.end(), row.begin(), row.end());
  }
  test::check_close(result.view(), want, 1e-5);
  CHECK(result.surroundings_intact());
}

/// A [tokens, heads, dim] view into a poisoned buffer with gaps between heads.
struct HeadTensor {
  HeadTensor(std::int64_t tokens, std::int64_t heads, std::int64_t dim, std::int64_t gap)
      : storage(DType::f32, {tokens, heads * (dim + gap)}), dim_(dim), gap_(gap), heads_(heads) {
    storage.poison();
  }
  TensorView view() { return storage.view().split_last(heads_, dim_ + gap_).columns(gap_, dim_); }
  Tensor storage;
  std::int64_t dim_, gap_, heads_;
};

}  // namespace

TEST_CASE("linear agrees with double precision on ragged and strided shapes") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 40; ++round) {
    check_linear(random, random.integer(1, 20), random.choice<std::int64_t>({1, 3, 64, 129, 300}),
                 random.choice<std::int64_t>({1, 2, 65, 128, 257}));
  }
}

TEST_CASE("linear agrees at the sizes where the method of few rows takes over") {
  DSABENCH_SEEDED(random);
  for (const std::int64_t tokens : {1, 2, 3, 5, 6, 9}) check_linear(random, tokens, 601, 997);
}

TEST_CASE("head_linear agrees with double precision in both layouts") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 40; ++round) {
    const std::int64_t tokens = random.integer(1, 12), heads = random.integer(1, 6);
    const std::int64_t in = random.choice<std::int64_t>({1, 7, 64, 192}),
                       out = random.choice<std::int64_t>({1, 9, 128, 200});
    const bool transposed = round % 2 == 1;
    CAPTURE(tokens, heads, in, out, transposed);
    HeadTensor x(tokens, heads, in, random.integer(0, 3)), result(tokens, heads, out, 2);
    random.fill_normal(x.storage);
    const std::int64_t rows = transposed ? in : out, columns = transposed ? out : in;
    // As in kv_b_proj: the rows of one head are part of a larger block of rows.
    const Tensor block = random.normal_tensor({heads, rows + 5, columns});
    std::vector<float> gathered;
    Tensor weight(DType::f32, {heads, rows, columns});
    for (std::int64_t h = 0; h < heads; ++h) {
      std::copy_n(block.data<float>() + h * (rows + 5) * columns, rows * columns,
                  weight.data<float>() + h * rows * columns);
    }
    ops::head_linear({}, {x.view(), weight, result.view(), transposed});
    std::vector<double> want;
    for (std::int64_t t = 0; t < tokens; ++t) {
      for (std::int64_t h = 0; h < heads; ++h) {
        const ConstTensorView one(weight.data<float>() + h * rows * columns, DType::f32,
                                  {rows, columns});
        const std::span<const float> row(x.view().row<float>(t) + h * x.view().stride(1),
                                         static_cast<std::size_t>(in));
        const auto got = transposed ? reference::linear_transposed_row(row, one)
                                    : reference::linear_row(row, one);
        want.insert(want.end(), got.begin(), got.end());
      }
    }
    test::check_close(result.view(), want, 1e-5);
    const float* raw = result.storage.data<float>();
    for (std::int64_t i = 0; i < tokens * heads; ++i) {  // the gaps keep their poison
      CHECK(std::isnan(raw[i * (out + 2)]));
      CHECK(std::isnan(raw[i * (out + 2) + 1]));
    }
  }
}

TEST_CASE("linear without inputs writes the bias, and without tokens nothing") {
  Tensor x(DType::f32, {2, 0}), weight(DType::f32, {3, 0}), bias(DType::f32, {3}),
      out(DType::f32, {2, 3});
  std::fill_n(bias.data<float>(), 3, 1.5f);
  out.poison();
  ops::linear({}, {x, weight, bias, out});
  for (int i = 0; i < 6; ++i) CHECK(out.data<float>()[i] == 1.5f);
  Tensor none(DType::f32, {0, 4}), square(DType::f32, {3, 4}), nothing(DType::f32, {0, 3});
  ops::linear({}, {none, square, {}, nothing});
}

TEST_CASE("linear and head_linear refuse what does not fit") {
  Tensor x(DType::f32, {3, 4}), weight(DType::f32, {5, 4}), bias(DType::f32, {5}),
      out(DType::f32, {3, 5}), transposed(DType::f32, {4, 5}), half(DType::bf16, {5, 4});
  CHECK_THROWS_AS(ops::linear({}, {x, transposed, bias, out}), InvalidArgument);
  CHECK_THROWS_AS(ops::linear({}, {x, half, bias, out}), InvalidArgument);
  CHECK_THROWS_AS(ops::linear({}, {x, weight, x, out}), InvalidArgument);
  CHECK_THROWS_AS(ops::linear({}, {x, weight, bias, x}), InvalidArgument);
  CHECK_THROWS_AS(ops::linear({}, {{}, weight, bias, out}), InvalidArgument);
  CHECK_THROWS_AS(ops::linear(test::cuda_context(), {x, weight, bias, out}), InvalidArgument);

  Tensor heads(DType::f32, {3, 2, 4}), head_weight(DType::f32, {2, 6, 4}),
      head_out(DType::f32, {3, 2, 6}), three(DType::f32, {3, 6, 4});
  CHECK_THROWS_AS(ops::head_linear({}, {heads, three, head_out, false}), InvalidArgument);
  CHECK_THROWS_AS(ops::head_linear({}, {heads, head_weight, head_out, true}), InvalidArgument);
  CHECK_THROWS_AS(ops::head_linear({}, {heads, head_weight, heads, false}), InvalidArgument);
  CHECK_THROWS_AS(ops::head_linear(test::cuda_context(), {heads, head_weight, head_out, false}),
                  InvalidArgument);
}

}  // namespace dsabench
