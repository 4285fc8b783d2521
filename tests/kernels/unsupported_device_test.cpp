#include "kernels/ops/add.h"
#include "kernels/ops/append_index_keys.h"
#include "kernels/ops/append_latents.h"
#include "kernels/ops/copy_rows.h"
#include "kernels/ops/embedding.h"
#include "kernels/ops/fill_normal.h"
#include "kernels/ops/layer_norm.h"
#include "kernels/ops/linear.h"
#include "kernels/ops/quantize_fp8.h"
#include "kernels/ops/rms_norm.h"
#include "kernels/ops/rope.h"
#include "kernels/ops/sampling.h"
#include "kernels/ops/scale.h"
#include "kernels/ops/swiglu.h"
#include "tests/kernels/device_views.h"
#include "tests/support/catch.h"

namespace dsabench {

// Only in builds without CUDA, where the memory behind these views is never touched.
TEST_CASE("without device code every operator names itself and the device it lacks") {
  const Context cuda = test::cuda_context();
  Tensor matrix(DType::f32, {2, 2}), vector(DType::f32, {2}), ids(DType::i32, {2}),
      streams(DType::i64, {2}), codes(DType::f8_e4m3, {2, 2}), scales(DType::f32, {2, 1}),
      heads(DType::f32, {2, 1, 2}), wide(DType::f32, {2, 4}), head_weight(DType::f32, {1, 2, 2});
  const auto on = [](Tensor& tensor) { return test::on_cuda(tensor); };
  const ops::RopeFrequencies frequencies = ops::rope_frequencies({4, 1e4, {}});
  const auto check = [](const std::string& op, auto run) {
    std::string message;
    try {
      run();
    } catch (const UnsupportedDevice& error) {
      message = error.what();
    }
    CAPTURE(op, message);
    CHECK(message.find(op) == 0);
    CHECK(message.find("cuda:0") != std::string::npos);
  };
  check("add", [&] { ops::add(cuda, {on(matrix), on(matrix)}); });
  check("append_latents", [&] {
    ops::append_latents(cuda, {on(wide), on(vector), on(scales), on(scales), on(ids), on(wide)});
  });
  check("append_index_keys", [&] {
    ops::append_index_keys(
        cuda,
        {on(matrix), on(vector), on(vector), on(scales), on(scales), on(ids), on(matrix), {}});
  });
  check("copy_rows", [&] { ops::copy_rows(cuda, {on(matrix), on(matrix)}); });
  check("fill_normal", [&] { ops::fill_normal(cuda, {.out = on(matrix)}); });
  check("scale", [&] { ops::scale(cuda, {.values = on(matrix), .scales = {}}); });
  check("rms_norm", [&] { ops::rms_norm(cuda, {on(matrix), on(vector), on(matrix)}); });
  check("layer_norm", [&] {
    ops::layer_norm(cuda, {on(matrix), on(vector), on(vector), on(matrix)});
  });
  check("linear", [&] { ops::linear(cuda, {on(matrix), on(matrix), on(vector), on(matrix)}); });
  check("head_linear", [&] { ops::head_linear(cuda, {on(heads), on(head_weight), on(heads)}); });
  check("swiglu", [&] { ops::swiglu(cuda, {on(matrix), on(matrix), on(matrix)}); });
  check("embedding", [&] { ops::embedding(cuda, {on(matrix), on(ids), on(matrix)}); });
  check("argmax", [&] { ops::argmax(cuda, {on(matrix), on(ids)}); });
  check("sample", [&] { ops::sample(cuda, {on(matrix), on(streams), on(ids), {1.0f}}); });
  check("rope_angles", [&] {
    ops::rope_angles(cuda, {&frequencies, on(ids), on(matrix), on(matrix)});
  });
  check("rope", [&] { ops::rope(cuda, {on(heads), on(scales), on(scales)}); });
  check("quantize_fp8", [&] { ops::quantize_fp8(cuda, {on(matrix), on(codes), on(scales)}); });
  check("dequantize_fp8", [&] {
    ops::dequantize_fp8(cuda, {on(codes), on(scales), on(matrix), 1, 2});
  });
  check("hadamard", [&] { ops::hadamard(cuda, {on(matrix)}); });
}

}  // namespace dsabench
