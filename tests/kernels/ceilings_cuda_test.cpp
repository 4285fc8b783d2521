#include <fmt/format.h>

#include <map>

#include "kernels/ceilings/ceilings.h"
#include "kernels/cuda/device_list.h"
#include "kernels/cuda/device_queue.h"
#include "tests/support/catch.h"

namespace dsabench {
namespace {

const Device kDevice{Device::Kind::cuda, 0};

TEST_CASE("cuda: the ceilings of a GPU are in order, and their memory is given back") {
  const DeviceQueue& queue = *cuda::device_queue(kDevice);
  measure_ceilings(kDevice);  // what libraries keep once loaded is no loss
  const std::int64_t before = queue.free_bytes();
  std::map<std::string, double> rates;  // work per ns
  for (const MeasuredCeiling& ceiling : measure_ceilings(kDevice)) {
    CAPTURE(ceiling.name, ceiling.note, ceiling.work, ceiling.nanoseconds);
    if (ceiling.nanoseconds > 0) {
      rates[ceiling.name] = double(ceiling.work) / double(ceiling.nanoseconds);
    }
    WARN(fmt::format("{}: {:.4g} G{}/s, {}", ceiling.name, rates[ceiling.name], ceiling.unit,
                     ceiling.note));
  }
  CHECK(queue.free_bytes() >= before - (std::int64_t{64} << 20));
  CHECK(rates["copy"] > 100);
  CHECK(rates["gather"] > 50);
  CHECK(rates["matrix_f32"] > 1e3);
  CHECK(rates["matrix_bf16"] > 2 * rates["matrix_f32"]);
  const int major = cuda::list_devices().devices.at(0).compute_major;
  if (major >= 9) CHECK(rates["matrix_f8_e4m3"] > 1.2 * rates["matrix_bf16"]);
}

TEST_CASE("cuda: on a full card ceilings are left out with a note, and nothing breaks") {
  DeviceQueue& queue = *cuda::device_queue(kDevice);
  const std::int64_t left = std::int64_t{600} << 20;
  void* taken = queue.allocate(queue.free_bytes() - left);
  queue.wait();
  for (const MeasuredCeiling& ceiling : measure_ceilings(kDevice)) {
    CAPTURE(ceiling.name, ceiling.note);
    CHECK(ceiling.nanoseconds == 0);
    CHECK(ceiling.note.find("not measured: ") == 0);
    CHECK(ceiling.note.find("bytes are free") != std::string::npos);
  }
  queue.release(taken);
  queue.wait();
}

}  // namespace
}  // namespace dsabench
