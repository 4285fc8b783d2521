#pragma once
/// Tokens grouped by expert on the device, and their sums afterwards: what goes before and after
/// the products of moe_experts.
#include <cstdint>

#include "kernels/base/tensor_view.h"
#include "kernels/cuda/launch.h"

namespace dsabench::ops::detail {

/// Grouped rows that are multiplied together, all of one expert.
struct ExpertTile {
  std::int32_t expert;
  std::int32_t row, end;      ///< grouped rows [row, end)
  std::int32_t first, count;  ///< the expert's tiles are [first, first + count)
};

/// Which rows each expert gets: a row for each (token, expert) pair, rows of one expert together.
/// Arrays on the device.
struct Grouping {
  std::int32_t* pair_at;    ///< [pairs] the pair at each grouped row
  std::int32_t* row_of;     ///< [pairs] the grouped row of each pair, -1 for no such expert
  ExpertTile* tiles;        ///< [tiles] in the order of the rows
  std::int32_t* num_tiles;  ///< [1]
  std::int32_t* next_work;  ///< [2] zero: for kernels that hand their work out
};

/// How an expert's rows become tiles: as few of at most `rows` as hold them, of equal size as far
/// as they begin at multiples of `step`, which divides `rows`.
struct TileCut {
  int rows, step;
  /// Most tiles of so many pairs.
  std::int64_t max_tiles(std::int64_t pairs, std::int64_t num_experts) const {
    return pairs / rows + (pairs < num_experts ? pairs : num_experts);
  }
};

/// Fills `out` from experts [tokens, top_n]; load[e] += rows of expert e, where not null.
void plan_groups(const cuda::Launch& launch, const ConstTensorView& experts, int num_experts,
                 TileCut cut, std::int64_t* load, const Grouping& out);

/// out[t, :] = sum_n weights[t, n] * parts[row_of[t, n], :] in the order of n; NaN where a row is
/// -1. parts [pairs, hidden], contiguous.
void combine_groups(const cuda::Launch& launch, const float* parts, const Grouping& grouping,
                    const ConstTensorView& weights, const TensorView& out);

}  // namespace dsabench::ops::detail
