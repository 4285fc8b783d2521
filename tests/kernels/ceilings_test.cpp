#include "kernels/ceilings/ceilings.h"

#include <fmt/format.h>

#include "kernels/ceilings/ceiling_sampling.h"
#include "tests/support/catch.h"

namespace dsabench {
namespace {

TEST_CASE("a ceiling's time is the median of what follows the warm-up") {
  // Two runs of warm-up, then samples until 100 ns are over: the first after that has no say.
  std::vector<std::int64_t> times = {900, 101, 30, 10, 50, 20, 40, 7000};
  std::size_t next = 0;
  const std::int64_t median = median_time(
      {.warm_up_ns = 1000, .sampling_ns = 150, .min_samples = 5}, [&] { return times.at(next++); });
  CHECK(next == 7);
  CHECK(median == 30);
  next = 2;
  CHECK(median_time({.warm_up_ns = 0, .sampling_ns = 0, .min_samples = 3},
                    [&] { return times.at(next++); }) == 20);
  CHECK(next == 6);
}

TEST_CASE("a ceiling that cannot be measured says why and has no rate") {
  const MeasuredCeiling ceiling = try_ceiling("copy", "bytes", [](MeasuredCeiling& begun) {
    begun.work = 7;
    throw OutOfMemory("99 bytes wanted, 1 bytes are free", 99);
  });
  CHECK(ceiling.name == "copy");
  CHECK(ceiling.work == 0);
  CHECK(ceiling.nanoseconds == 0);
  CHECK(ceiling.note == "not measured: 99 bytes wanted, 1 bytes are free");
}

TEST_CASE("the ceilings of the CPU are rates that a CPU can have") {
  const std::vector<MeasuredCeiling> ceilings = measure_ceilings({});
  REQUIRE(ceilings.size() == 2);
  for (const MeasuredCeiling& ceiling : ceilings) {
    CAPTURE(ceiling.name, ceiling.note);
    REQUIRE(ceiling.nanoseconds > 0);
    const double giga = double(ceiling.work) / double(ceiling.nanoseconds);
    CHECK(giga > 0.1);
    CHECK(giga < 1e5);
  }
  CHECK(ceilings[0].name == "matrix_f32");
  CHECK(ceilings[0].unit == "FLOP");
  CHECK(ceilings[1].name == "copy");
  CHECK(ceilings[1].unit == "bytes");
}

}  // namespace
}  // namespace dsabench
