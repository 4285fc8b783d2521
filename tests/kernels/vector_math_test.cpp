#include "kernels/simd/vector_math.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/base/error.h"
#include "kernels/base/float_formats.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
const std::vector<std::int64_t> kLengths = {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 127, 576};

std::vector<float> normals(test::Random& random, std::int64_t n) {
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

/// Runs `body(table, n, a, b)` for every instruction set of this machine and awkward lengths.
template <class Body>
void for_each_isa(test::Random& random, Body body) {
  for (const std::string_view isa : supported_isas()) {
    for (const std::int64_t n : kLengths) {
      CAPTURE(isa, n);
      body(vector_math_for(isa), n, normals(random, n), normals(random, n));
    }
  }
}

double ulps(float actual, double expected) {
  const auto rounded = static_cast<float>(expected);
  const double step =
      std::max<double>(std::nextafter(std::fabs(rounded), kInf) - std::fabs(rounded),
                       std::numeric_limits<float>::denorm_min());
  return std::fabs(actual - expected) / step;
}

}  // namespace

TEST_CASE("reductions agree with double precision on every instruction set") {
  DSABENCH_SEEDED(random);
  for_each_isa(random, [](const VectorMath& math, std::int64_t n, auto a, auto b) {
    double dot = 0, sum = 0, squares = 0, magnitude_sum = 0, product_sum = 0;
    float largest = -kInf, magnitude = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      dot += double(a[i]) * b[i];
      product_sum += std::fabs(double(a[i]) * b[i]);
      sum += a[i];
      magnitude_sum += std::fabs(a[i]);
      squares += (a[i] - 0.25) * (a[i] - 0.25);
      largest = std::max(largest, a[i]);
      magnitude = std::max(magnitude, std::fabs(a[i]));
    }
    CHECK(std::fabs(math.dot(a.data(), b.data(), n) - dot) <= 2e-6 * product_sum);
    CHECK(std::fabs(math.sum(a.data(), n) - sum) <= 2e-6 * magnitude_sum);
    CHECK(std::fabs(math.sum_squares(a.data(), 0.25f, n) - squares) <= 2e-6 * squares);
    CHECK(math.max(a.data(), n) == largest);
    CHECK(math.max_magnitude(a.data(), n) == magnitude);
  });
}

TEST_CASE("maxima leave NaN out and keep infinities") {
  DSABENCH_SEEDED(random);
  for_each_isa(random, [&](const VectorMath& math, std::int64_t n, auto a, auto) {
    if (n == 0) return;
    for (float& value : a) value = -1.0f - std::fabs(value);
    const auto at = static_cast<std::size_t>(random.integer(0, n - 1));
    a[at] = kNaN;
    float expected = -kInf, magnitude = 0.0f;
    for (const float value : a) {
      if (std::isnan(value)) continue;
      expected = std::max(expected, value);
      magnitude = std::max(magnitude, std::fabs(value));
    }
    CHECK(math.max(a.data(), n) == expected);
    CHECK(math.max_magnitude(a.data(), n) == magnitude);
    a[at] = -kNaN;
    CHECK(math.max(a.data(), n) == expected);
    a[at] = -kInf;
    CHECK(math.max(a.data(), n) == expected);
    CHECK(math.max_magnitude(a.data(), n) == kInf);
    a[at] = kInf;
    CHECK(math.max(a.data(), n) == kInf);
  });
}

TEST_CASE("element-wise functions write n values and no more") {
  DSABENCH_SEEDED(random);
  for_each_isa(random, [&](const VectorMath& math, std::int64_t n, auto a, auto b) {
    const auto weight = normals(random, n), bias = normals(random, n);
    const auto check = [&](auto run, auto expected, bool accumulates) {
      std::vector<float> out = accumulates ? b : std::vector<float>(b.size(), kNaN);
      out.push_back(7.0f);
      run(out.data());
      CHECK(out.back() == 7.0f);
      for (std::size_t i = 0; i < a.size(); ++i) {
        CAPTURE(i, a[i], b[i], out[i]);
        const double want = expected(i);
        CHECK(std::fabs(out[i] - want) <= 1e-6 * (1.0 + std::fabs(want)));
      }
    };
    check([&](float* out) { math.add(out, a.data(), n); },
          [&](std::size_t i) { return double(b[i]) + a[i]; }, true);
    check([&](float* out) { math.axpy(out, -1.5f, a.data(), n); },
          [&](std::size_t i) { return b[i] - 1.5 * a[i]; }, true);
    check([&](float* out) { math.relu_axpy(out, -1.5f, a.data(), n); },
          [&](std::size_t i) { return b[i] - 1.5 * std::max(0.0f, a[i]); }, true);
    check([&](float* out) { math.scale(out, 0.3f, n); },
          [&](std::size_t i) { return double(b[i]) * 0.3f; }, true);
    check([&](float* out) { math.normalize(out, a.data(), 0.5f, 2.0f, weight.data(), nullptr, n); },
          [&](std::size_t i) { return weight[i] * (a[i] - 0.5) * 2.0; }, false);
    check(
        [&](float* out) {
          math.normalize(out, a.data(), 0.5f, 2.0f, weight.data(), bias.data(), n);
        },
        [&](std::size_t i) { return weight[i] * (a[i] - 0.5) * 2.0 + bias[i]; }, false);
    check([&](float* out) { math.silu_mul(out, a.data(), b.data(), n); },
          [&](std::size_t i) { return a[i] / (1.0 + std::exp(-double(a[i]))) * b[i]; }, false);
    check([&](float* out) { math.sigmoid(out, a.data(), n); },
          [&](std::size_t i) { return 1.0 / (1.0 + std::exp(-double(a[i]))); }, false);
  });
}

TEST_CASE("exp is within two ulp from 0 down to the subnormals") {
  DSABENCH_SEEDED(random);
  for (const std::string_view isa : supported_isas()) {
    const VectorMath& math = vector_math_for(isa);
    std::vector<float> x;
    for (int i = 0; i < 200000; ++i) x.push_back(static_cast<float>(-random.uniform(0.0, 108.0)));
    for (int i = 0; i < 20000; ++i) x.push_back(static_cast<float>(-random.uniform(0.0, 1e-3)));
    std::vector<float> y = x;
    math.exp_minus_max_sum(y.data(), 0.0f, static_cast<std::int64_t>(y.size()));
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double error = ulps(y[i], std::exp(double(x[i])));
      if (!(error <= worst)) worst = error;
    }
    CAPTURE(isa, worst);
    CHECK(worst <= 2.0);
  }
}

TEST_CASE("the sum of exponentials is as good as a sum of floats in any order") {
  DSABENCH_SEEDED(random);
  for (const std::string_view isa : supported_isas()) {
    for (int trial = 0; trial < 50; ++trial) {
      std::vector<float> x(static_cast<std::size_t>(random.integer(1, 5000)));
      for (float& value : x) value = static_cast<float>(-random.uniform(0.0, 20.0));
      const double sum = vector_math_for(isa).exp_minus_max_sum(
          x.data(), 0.0f, static_cast<std::int64_t>(x.size()));
      const double total = std::accumulate(x.begin(), x.end(), 0.0);
      CAPTURE(isa, x.size(), sum, total);
      CHECK(std::fabs(sum - total) <= double(x.size()) * 0x1p-24 * total);
    }
  }
}

TEST_CASE("exp, sigmoid and silu hold at the edges") {
  for (const std::string_view isa : supported_isas()) {
    CAPTURE(isa);
    const VectorMath& math = vector_math_for(isa);
    std::vector<float> x = {0.0f, -0.0f, -kInf, -1e30f, -104.0f, -110.0f, kNaN};
    x.resize(23, -kInf);  // the vector body as well as the tail
    const float sum = math.exp_minus_max_sum(x.data(), 0.0f, 6);
    CHECK(sum == 2.0f);
    CHECK(x[0] == 1.0f);
    CHECK(x[1] == 1.0f);
    for (int i = 2; i < 6; ++i) CHECK(x[static_cast<std::size_t>(i)] == 0.0f);
    CHECK(std::isnan(math.exp_minus_max_sum(x.data(), 0.0f, 23)));
    CHECK(std::isnan(x[6]));
    CHECK(x[22] == 0.0f);

    const std::vector<float> in = {-kInf, kInf, -200.0f, 200.0f, kNaN};
    const std::vector<float> ones(in.size(), 1.0f);
    std::vector<float> out(in.size());
    math.sigmoid(out.data(), in.data(), 5);
    CHECK(out[0] == 0.0f);
    CHECK(out[1] == 1.0f);
    CHECK(out[2] == 0.0f);
    CHECK(out[3] == 1.0f);
    CHECK(std::isnan(out[4]));
    math.silu_mul(out.data(), in.data(), ones.data(), 5);
    CHECK(out[1] == kInf);
    CHECK(out[2] == 0.0f);
    CHECK(out[3] == 200.0f);
    CHECK(std::isnan(out[4]));
  }
}

TEST_CASE("every e4m3 code converts as the scalar conversion does") {
  std::vector<std::uint8_t> codes(256);
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(i);
  for (const std::string_view isa : supported_isas()) {
    std::vector<float> values(256);
    vector_math_for(isa).e4m3_to_f32(values.data(), codes.data(), 256);
    for (std::size_t i = 0; i < codes.size(); ++i) {
      CAPTURE(isa, i);
      const float expected = e4m3_to_f32(codes[i]);
      CHECK((std::isnan(expected) ? std::isnan(values[i])
                                  : std::bit_cast<std::uint32_t>(values[i]) ==
                                        std::bit_cast<std::uint32_t>(expected)));
    }
  }
}

TEST_CASE("an unknown instruction set is an error and never a silent fallback") {
  CHECK(vector_math_for("baseline").isa == std::string_view("baseline"));
  CHECK(supported_isas().front() == "baseline");
  for (const char* name : {"", "avx", "AVX2", "avx512f"}) {
    CAPTURE(name);
    CHECK_THROWS_AS(vector_math_for(name), InvalidArgument);
  }
  for (const char* name : {"avx2", "avx512"}) {
    const auto supported = supported_isas();
    if (std::find(supported.begin(), supported.end(), name) != supported.end()) {
      CHECK(vector_math_for(name).isa == std::string_view(name));
    } else {
      CHECK_THROWS_AS(vector_math_for(name), InvalidArgument);
    }
  }
}

}  // namespace dsabench
