#pragma once
#include <vector>

#include "engine/model/weight_placement.h"
#include "tests/support/random_model.h"

namespace dsabench::test {

/// A copy of a host model's weights at another place.
std::shared_ptr<const Weights> placed_copy(const Weights& weights,
                                           const WeightPlacement& placement);
/// Every value of a host model rounded to what bf16 holds.
RandomModel rounded_to_bf16(const RandomModel& model);

/// On test_device(), in f32.
WeightPlacement engine_placement();
/// Every place and type that engines of this executable can have.
std::vector<WeightPlacement> all_placements();

}  // namespace dsabench::test
