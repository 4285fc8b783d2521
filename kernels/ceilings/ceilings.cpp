#include "kernels/ceilings/ceilings.h"

#include "kernels/ceilings/ceiling_sampling.h"

namespace dsabench {

std::vector<MeasuredCeiling> measure_ceilings(Device device) {
  return device.is_cpu() ? measure_cpu_ceilings() : measure_cuda_ceilings(device);
}

}  // namespace dsabench
