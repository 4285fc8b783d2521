#include "results/statistics/multiplicity.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/base/error.h"
#include "tests/support/random.h"

namespace dsabench::test {
namespace {

/// Holm's procedure step by step: which hypotheses fall at `alpha`.
std::vector<bool> step_down(const std::vector<double>& p_values, double alpha) {
  std::vector<bool> fallen(p_values.size());
  for (std::size_t remaining = p_values.size(); remaining > 0; --remaining) {
    std::size_t smallest = p_values.size();
    for (std::size_t i = 0; i < p_values.size(); ++i) {
      if (!fallen[i] && (smallest == p_values.size() || p_values[i] < p_values[smallest])) {
        smallest = i;
      }
    }
    if (!(p_values[smallest] * double(remaining) <= alpha)) break;
    fallen[smallest] = true;
  }
  return fallen;
}

TEST_CASE("Holm's adjusted p values by hand") {
  const std::vector<double> adjusted =
      holm_adjust(std::vector<double>{0.04, 0.01, 0.03, 0.02, 0.05});
  const std::vector<double> expected = {0.09, 0.05, 0.09, 0.08, 0.09};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(std::abs(adjusted[i] - expected[i]) < 1e-15);
  }
  CHECK(holm_adjust({}).empty());
  CHECK(holm_adjust(std::vector<double>{0.3}) == std::vector<double>{0.3});
  CHECK(holm_adjust(std::vector<double>{0.7, 0.8}) == std::vector<double>{1.0, 1.0});
}

TEST_CASE("Holm's adjusted p values decide as the procedure does") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 300; ++round) {
    std::vector<double> p_values(static_cast<std::size_t>(random.integer(1, 12)));
    for (double& p : p_values) {
      p = round % 3 ? std::pow(random.uniform(), 6) : double(random.integer(0, 4)) / 64;
    }
    const double alpha = random.uniform(0.001, 0.2);
    const std::vector<double> adjusted = holm_adjust(p_values);
    const std::vector<bool> fallen = step_down(p_values, alpha);
    for (std::size_t i = 0; i < p_values.size(); ++i) {
      CAPTURE(round, i, alpha, p_values[i], adjusted[i]);
      CHECK((adjusted[i] <= alpha) == fallen[i]);
    }
  }
}

TEST_CASE("Holm's procedure keeps the familywise error") {
  DSABENCH_SEEDED(random);
  constexpr int kDraws = 20000;
  int false_alarms = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    std::vector<double> p_values(40);
    for (double& p : p_values) p = random.uniform();
    const std::vector<double> adjusted = holm_adjust(p_values);
    false_alarms += *std::min_element(adjusted.begin(), adjusted.end()) <= 0.05;
  }
  // Independent: 1 - (1 - 0.05 / 40)^40 = 4.88 %; five standard errors.
  CHECK(std::abs(false_alarms / double(kDraws) - 0.0488) < 5 * std::sqrt(0.0488 * 0.95 / kDraws));
}

TEST_CASE("Holm's procedure refuses what is no probability") {
  for (const double bad : {-0.1, 1.1, std::nan("")}) {
    CHECK_THROWS_WITH(holm_adjust(std::vector<double>{0.5, bad}),
                      Catch::Contains("p value 1 must lie in [0, 1]"));
  }
}

}  // namespace
}  // namespace dsabench::test
