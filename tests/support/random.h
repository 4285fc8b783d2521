#pragma once
/// Seeded random inputs. The seed comes from DSABENCH_TEST_SEED, else from the machine's entropy,
/// and is printed with every failing check: begin a test with `DSABENCH_SEEDED(random);`.
#include <cstdint>
#include <cstdlib>
#include <random>
#include <vector>

#include "kernels/base/tensor.h"
#include "tests/support/catch.h"

namespace dsabench::test {

inline std::uint64_t test_seed() {
  static const std::uint64_t seed = [] {
    if (const char* text = std::getenv("DSABENCH_TEST_SEED")) {
      return static_cast<std::uint64_t>(std::strtoull(text, nullptr, 10));
    }
    return static_cast<std::uint64_t>(std::random_device{}());
  }();
  return seed;
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// Uniform in [low, high], both included.
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
  }
  /// Uniform in [low, high).
  double uniform(double low = 0.0, double high = 1.0) {
    return std::uniform_real_distribution<double>(low, high)(engine_);
  }
  double normal(double sigma = 1.0) {
    return std::normal_distribution<double>(0.0, sigma)(engine_);
  }
  template <class T>
  const T& choice(const std::vector<T>& values) {
    return values[static_cast<std::size_t>(
        integer(0, static_cast<std::int64_t>(values.size()) - 1))];
  }

  /// Contiguous f32 tensor of N(0, sigma^2).
  Tensor normal_tensor(std::vector<std::int64_t> shape, double sigma = 1.0) {
    Tensor tensor(DType::f32, std::move(shape));
    fill_normal(tensor, sigma);
    return tensor;
  }
  void fill_normal(Tensor& tensor, double sigma = 1.0) {
    float* data = tensor.data<float>();
    const std::int64_t count = tensor.view().num_elements();
    for (std::int64_t i = 0; i < count; ++i) data[i] = static_cast<float>(normal(sigma));
  }
  /// Contiguous i32 tensor, uniform in [low, high].
  Tensor integer_tensor(std::vector<std::int64_t> shape, std::int64_t low, std::int64_t high) {
    Tensor tensor(DType::i32, std::move(shape));
    auto* data = tensor.data<std::int32_t>();
    const std::int64_t count = tensor.view().num_elements();
    for (std::int64_t i = 0; i < count; ++i)
      data[i] = static_cast<std::int32_t>(integer(low, high));
    return tensor;
  }

 private:
  std::mt19937_64 engine_;
};

/// A [rows, columns] view whose rows lie further apart than `columns`: columns [begin, begin +
/// columns) of a wider, poisoned tensor, which it owns.
class StridedMatrix {
 public:
  StridedMatrix(DType dtype, std::int64_t rows, std::int64_t columns, std::int64_t begin = 3,
                std::int64_t after = 5)
      : storage_(dtype, {rows, begin + columns + after}), begin_(begin), columns_(columns) {
    storage_.poison();
  }
  TensorView view() { return storage_.view().columns(begin_, columns_); }
  Tensor& storage() { return storage_; }

  /// Whether every byte outside the view still holds the poison.
  bool surroundings_intact() {
    const std::int64_t width = storage_.dim(1);
    const std::int64_t bytes = dtype_bytes(storage_.dtype());
    const auto* data = reinterpret_cast<const unsigned char*>(storage_.view().raw());
    for (std::int64_t i = 0; i < storage_.bytes(); ++i) {
      const std::int64_t column = i / bytes % width;
      const bool inside = column >= begin_ && column < begin_ + columns_;
      if (!inside && data[i] != 0xff) return false;
    }
    return true;
  }

 private:
  Tensor storage_;
  std::int64_t begin_, columns_;
};

}  // namespace dsabench::test

#define DSABENCH_SEEDED(name)                                   \
  INFO("DSABENCH_TEST_SEED=" << ::dsabench::test::test_seed()); \
  ::dsabench::test::Random name(::dsabench::test::test_seed())
