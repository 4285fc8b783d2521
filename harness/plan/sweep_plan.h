#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/cache/cache_format.h"
#include "engine/cache/indexer_mode.h"
#include "engine/model/shape_weights.h"
#include "harness/plan/cell.h"
#include "harness/plan/full_batch.h"
#include "harness/plan/pattern_choice.h"
#include "suites/suite.h"

namespace dsabench {

/// The axes of a sweep over one model. Every list is in the order the user gave.
struct SweepAxes {
  std::string origin;  ///< what messages call it, "plan.json:3:5: /sweeps/0"; empty: nothing
  std::vector<const Suite*> suites;
  std::vector<std::string> tasks;  ///< of quality suites; empty: all
  std::vector<std::int64_t> contexts;
  std::vector<PatternChoice> patterns;
  std::string layers, whole_mlp;                             ///< as in Cell; empty: all layers run
  std::vector<Phase> phases{Phase::prefill, Phase::decode};  ///< of speed suites
  std::vector<std::int64_t> batches{1};  ///< of speed suites; kFullBatch: what fits into `room`
  BatchRoom room;
  std::vector<IndexerMode> indexer_modes{IndexerMode::exact};
  std::vector<CacheFormat> cache_formats{CacheFormat::activations};
  bool dense_attention = false;
  std::int64_t chunk_tokens = 1024;
  std::int64_t decode_tokens = 16;    ///< timed steps of a decode cell
  std::int64_t samples_per_task = 1;  ///< of quality suites
  std::string device_kind = "cpu", dtype = "f32";
  std::optional<Picks> picks;  ///< set for generated weights, with weights_seed
  std::optional<std::uint64_t> weights_seed;
  std::uint64_t data_seed = 0;
};

/// A cell and how this plan came to it.
struct PlanEntry {
  Cell cell;
  const Suite* suite = nullptr;
  PatternChoice pattern;
  std::string origin;  ///< of its sweep, for messages; empty: nothing
};

/// The cells of a sweep, in order, each once.
struct SweepPlan {
  std::vector<PlanEntry> entries;
  /// "retention 1/16 gives the pattern of 1/8 (FSSSSSSS): measured once".
  std::vector<std::string> notices;
};

/// Points of all sweeps together, before cells that are the same are taken as one; and so the
/// values of an axis.
inline constexpr std::int64_t kMaxPlanPoints = 10'000;

/// How large a plan becomes, counted before its cells are made. Throws InvalidArgument naming the
/// numbers beyond kMaxPlanPoints and kMaxPlanLetters, and for an axis without values.
class PlanSize {
 public:
  void add(const SweepAxes& axes);

 private:
  double points_ = 0, letters_ = 0;
};

/// Crosses the axes of each sweep: suites, then contexts, batches, indexer modes, patterns, phases.
/// A full batch becomes a number cell by cell, and its decode cells have one prompt. A cell that
/// several sweeps name is measured once, where it comes first. All cells share the
/// model, so that its weights load once. Throws InvalidArgument naming the numbers where context +
/// decode tokens exceed max_positions, and for what PlanSize refuses.
SweepPlan make_sweep_plan(const ModelConfig& config, std::span<const SweepAxes> sweeps);
SweepPlan make_sweep_plan(const ModelConfig& config, const SweepAxes& axes);

/// The plan as the database stores it.
std::vector<PlannedCell> to_records(const SweepPlan& plan);

}  // namespace dsabench
