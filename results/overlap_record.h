#pragma once
/// How the database keeps the overlap of layers' index sets: as a run of one planned cell, all
/// layers Full, whose one trial has the matrix as a metric.

namespace dsabench {

/// The status of such a run: it has no times.
inline constexpr const char* kOverlapStatus = "overlap";

/// Of each pair of layers, row by row, the share of indices that they have in common, in parts per
/// million.
inline constexpr const char* kOverlapMatrix = "topk_overlap_matrix_ppm";

}  // namespace dsabench
