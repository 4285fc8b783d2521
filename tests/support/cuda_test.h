#pragma once
/// A CUDA device under test: uploads inputs, poisons outputs, downloads results.
#include <deque>
#include <vector>

#include "kernels/base/float_formats.h"
#include "kernels/cuda/device_tensor.h"
#include "kernels/cuda/stream.h"
#include "tests/support/random.h"

namespace dsabench::test {

/// The two types that activations have on CUDA.
inline const std::vector<DType> kActivationTypes = {DType::f32, DType::bf16};

/// Rounds every f32 value to what bf16 holds, so that references see what the device sees.
inline void round_to(DType dtype, Tensor& tensor) {
  if (dtype != DType::bf16) return;
  float* data = tensor.data<float>();
  const std::int64_t count = tensor.view().num_elements();
  for (std::int64_t i = 0; i < count; ++i) data[i] = bf16_to_f32(f32_to_bf16(data[i]));
}

/// One device, stream and context, and the memory that a test uses there.
class CudaTest {
 public:
  CudaTest() {
    ctx.device = {Device::Kind::cuda, 0};
    ctx.stream = stream_.get();
  }

  /// A copy of `host` on the device; f32 becomes `dtype` where that is bf16.
  TensorView put(const Tensor& host, DType dtype) {
    const bool rounds = host.dtype() == DType::f32 && dtype == DType::bf16;
    Tensor converted;
    if (rounds) {
      converted = Tensor(DType::bf16, {host.shape().begin(), host.shape().end()});
      for (std::int64_t i = 0; i < host.view().num_elements(); ++i) {
        converted.data<std::uint16_t>()[i] = f32_to_bf16(host.data<float>()[i]);
      }
    }
    const Tensor& source = rounds ? converted : host;
    const TensorView view = make(source.dtype(), {host.shape().begin(), host.shape().end()});
    cuda::copy(view, source.view(), stream_.get());
    stream_.synchronize();
    return view;
  }
  TensorView put(const Tensor& host) { return put(host, host.dtype()); }

  /// Poisoned memory on the device.
  TensorView make(DType dtype, std::vector<std::int64_t> shape) {
    memory_.emplace_back(ctx.device, dtype, std::move(shape), stream_.get());
    memory_.back().fill_bytes(0xff, stream_.get());
    return memory_.back().view();
  }

  /// The bytes of a contiguous view.
  Tensor bytes(const ConstTensorView& view) {
    Tensor host(view.dtype(), {view.shape().begin(), view.shape().end()});
    cuda::copy(host.view(), view, stream_.get());
    stream_.synchronize();
    return host;
  }
  /// The same, bf16 widened to f32.
  Tensor get(const ConstTensorView& view) {
    Tensor host = bytes(view);
    if (host.dtype() != DType::bf16) return host;
    Tensor wide(DType::f32, {view.shape().begin(), view.shape().end()});
    for (std::int64_t i = 0; i < host.view().num_elements(); ++i) {
      wide.data<float>()[i] = bf16_to_f32(host.data<std::uint16_t>()[i]);
    }
    return wide;
  }

  void fill_bytes(const TensorView& view, int value) {
    DSABENCH_CUDA_CHECK(
        cudaMemsetAsync(view.raw(), value, static_cast<std::size_t>(view.bytes()), stream_.get()));
  }
  const cuda::Stream& stream() const { return stream_; }

 private:
  cuda::Stream stream_;
  std::deque<cuda::DeviceTensor> memory_;

 public:
  Context ctx;  // frees its scratch before the stream goes
};

/// [rows, columns] on the device inside a wider, poisoned matrix; 8 elements before it keep rows
/// aligned for vector loads, 3 do not.
class CudaRows {
 public:
  CudaRows(CudaTest& test, DType dtype, std::int64_t rows, std::int64_t columns,
           std::int64_t before, std::int64_t after)
      : test_(test),
        before_(before),
        columns_(columns),
        storage_(test.make(dtype, {rows, before + columns + after})) {}
  /// Rows that start at 16 bytes, and rows that do not.
  enum class Rows { aligned, odd };
  CudaRows(CudaTest& test, DType dtype, std::int64_t rows, std::int64_t columns, Rows kind)
      : CudaRows(test, dtype, rows, columns, before(kind), after(kind, columns)) {}
  /// Places `host` [rows, columns], f32, in random surroundings.
  CudaRows(CudaTest& test, Random& random, const Tensor& host, DType dtype)
      : CudaRows(test, host, dtype, random.integer(0, 1) == 1 ? Rows::aligned : Rows::odd) {}
  CudaRows(CudaTest& test, const Tensor& host, DType dtype, Rows kind)
      : test_(test), before_(before(kind)), columns_(host.dim(1)), storage_() {
    Tensor wide(DType::f32, {host.dim(0), before_ + columns_ + after(kind, columns_)});
    wide.poison();
    for (std::int64_t r = 0; r < host.dim(0); ++r) {
      std::copy_n(host.view().row<float>(r), columns_, wide.view().row<float>(r) + before_);
    }
    storage_ = test.put(wide, dtype);
  }

  TensorView view() const { return storage_.columns(before_, columns_); }
  /// The values as f32 [rows, columns].
  Tensor get() const {
    const Tensor wide = test_.get(storage_);
    Tensor host(wide.dtype(), {wide.dim(0), columns_});
    const auto size = static_cast<std::size_t>(dtype_bytes(wide.dtype()));
    for (std::int64_t r = 0; r < wide.dim(0); ++r) {
      std::memcpy(host.view().rows(r, 1).raw(),
                  wide.view().columns(before_, columns_).rows(r, 1).raw(),
                  static_cast<std::size_t>(columns_) * size);
    }
    return host;
  }
  /// Whether the bytes around the view still hold the poison of `make`.
  bool surroundings_intact() const {
    const Tensor wide = test_.bytes(storage_);
    const std::int64_t size = dtype_bytes(wide.dtype()), width = wide.dim(1);
    const auto* data = reinterpret_cast<const unsigned char*>(wide.view().raw());
    for (std::int64_t i = 0; i < wide.bytes(); ++i) {
      const std::int64_t column = i / size % width;
      const bool inside = column >= before_ && column < before_ + columns_;
      if (!inside && data[i] != 0xff) return false;
    }
    return true;
  }

 private:
  static std::int64_t before(Rows kind) { return kind == Rows::aligned ? 8 : 3; }
  static std::int64_t after(Rows kind, std::int64_t columns) {
    return kind == Rows::aligned ? 16 - columns % 8 : 5;
  }

  CudaTest& test_;
  std::int64_t before_, columns_;
  TensorView storage_;
};

/// Runs `operation` 20 times and requires the same bytes in `out` each time.
template <class Operation>
void check_repeats(CudaTest& test, const TensorView& out, Operation&& operation) {
  operation();
  const Tensor first = test.bytes(out);
  for (int repeat = 0; repeat < 20; ++repeat) {
    test.fill_bytes(out, 0xff);
    operation();
    const Tensor again = test.bytes(out);
    REQUIRE(std::memcmp(again.view().raw(), first.view().raw(),
                        static_cast<std::size_t>(first.bytes())) == 0);
  }
}

}  // namespace dsabench::test
