#pragma once
#include <cstdint>
#include <string>

#include "engine/model/model_config.h"
#include "harness/plan/cell.h"

namespace dsabench {

struct ModelRequest;

/// Among a sweep's batches: as many sequences as memory holds ("max").
inline constexpr std::int64_t kFullBatch = 0;
/// Sequences of a full batch at most, whatever the memory.
inline constexpr std::int64_t kMaxFullBatch = 256;

/// What a full batch may take: 90 % of what is free on a GPU beside the weights, on the host 50 %,
/// which other processes need too. An estimate counts no more than a cell will really take, so that
/// something must be left.
struct BatchRoom {
  std::int64_t bytes = 0;
  std::string text;  ///< "70.2 GiB, 90 % of what is free on cuda:0 beside the weights"
};
/// As memory is now, before the weights are there. Throws UnsupportedDevice where the device is
/// missing, and InvalidArgument where it is not known what is free.
BatchRoom batch_room(const ModelConfig& config, const ModelRequest& request);

/// The largest batch of a cell like this one whose estimate fits, from 1 (though it may not fit) to
/// kMaxFullBatch.
std::int64_t full_batch(const ModelConfig& config, Cell cell, const BatchRoom& room);

}  // namespace dsabench
