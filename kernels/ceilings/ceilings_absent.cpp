#include <fmt/format.h>

#include "kernels/ceilings/ceiling_sampling.h"

namespace dsabench {

std::vector<MeasuredCeiling> measure_cuda_ceilings(Device device) {
  throw UnsupportedDevice(
      fmt::format("ceilings of {}: this build has no CUDA device code", device.name()));
}

}  // namespace dsabench
