#include "harness/plan/full_batch.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/plan/memory_estimate.h"
#include "harness/run/peak_memory.h"
#include "harness/target/model_source.h"
#include "kernels/base/dtype.h"
#include "kernels/base/error.h"
#include "kernels/cuda/device_queue.h"

namespace dsabench {

BatchRoom batch_room(const ModelConfig& config, const ModelRequest& request) {
  DeviceQueue* queue = cuda::device_queue(request.device);
  const std::int64_t free_bytes = queue == nullptr ? available_memory_bytes() : queue->free_bytes();
  if (free_bytes < 0) {
    throw InvalidArgument("--batch max: the system does not say how much memory is free");
  }
  const std::int64_t percent = queue == nullptr ? 50 : 90;
  const std::int64_t weights = config.num_parameters() * dtype_bytes(request.dtype);
  const std::int64_t bytes = std::max<std::int64_t>(0, free_bytes - weights) / 100 * percent;
  return {bytes, fmt::format("{:.2f} GiB, {} % of what is free on {} beside the weights",
                             double(bytes) / double(1 << 30), percent, request.device.name())};
}

std::int64_t full_batch(const ModelConfig& config, Cell cell, const BatchRoom& room) {
  std::int64_t fits = 1, too_many = kMaxFullBatch + 1;
  while (too_many - fits > 1) {
    cell.batch = fits + (too_many - fits) / 2;
    const bool small = estimate_memory(config, cell).total_bytes() <= room.bytes;
    (small ? fits : too_many) = cell.batch;
  }
  return fits;
}

}  // namespace dsabench
