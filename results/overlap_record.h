#pragma once
/// How the database keeps the overlap of layers' index sets: as a run of one planned cell, all
/// layers Full, whose one trial has these metrics. Shares are in parts per million.

namespace dsabench {

/// The status of such a run: it has no times.
inline constexpr const char* kOverlapStatus = "overlap";

/// Of each pair of layers, row by row, the share of indices that they have in common.
inline constexpr const char* kOverlapMatrix = "topk_overlap_matrix_ppm";
/// What neighbour queries have in common, what independent random choices would, and how many
/// indices a layer chooses. Runs of earlier versions have none of these.
inline constexpr const char* kOverlapQueries = "topk_overlap_neighbour_queries_ppm";
inline constexpr const char* kOverlapChance = "topk_overlap_chance_ppm";
inline constexpr const char* kOverlapTopK = "overlap_top_k";
/// Pairs of neighbour rows that were looked at, and the questions that they are of.
inline constexpr const char* kOverlapPairs = "overlap_pairs";
inline constexpr const char* kOverlapQuestions = "overlap_questions";

}  // namespace dsabench
