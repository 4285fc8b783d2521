#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/model/model_config.h"
#include "harness/plan/cell.h"
#include "results/store.h"

namespace dsabench {

/// What a trial of a cell is expected to take, and why.
struct ExpectedCost {
  std::optional<double> seconds;
  std::string basis;  ///< "3 trials", "3 trials of other builds", "scaled from ..."; or why not
};

/// The wall time of earlier ok trials on one machine, with warm-up and verification.
class CostHistory {
 public:
  /// Of the newest runs that measured cells of this config on this machine. Throws StoreError.
  CostHistory(const ResultStore& store, const std::string& machine_id, const std::string& build_id,
              const ModelConfig& config);
  /// Knows nothing.
  explicit CostHistory(const ModelConfig& config) : config_(config) {}

  /// Adds an ok trial of this build.
  void add(const Cell& cell, double seconds);

  /// From trials of the same cell, those of the same build where there are any; else scaled by the
  /// estimated operations from the cell of the same phase, device kind and dtype that is closest in
  /// them.
  ExpectedCost of(const Cell& cell) const;

 private:
  struct Seen {
    Cell cell;
    double seconds_here = 0, seconds_elsewhere = 0;  ///< sums over trials, by build
    std::int64_t num_here = 0, num_elsewhere = 0;

    double mean_seconds() const;
  };
  const Seen* closest(const Cell& cell) const;

  const ModelConfig& config_;
  std::map<std::string, Seen> seen_;  ///< by cell id
};

}  // namespace dsabench
