#pragma once
/// A run's rows gathered cell by cell, for the tables. Private to results/.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "results/extrapolation.h"
#include "results/report/table.h"
#include "results/store.h"

namespace dsabench::report {

/// How a cell went, from best to worst.
enum class CellState { ok, not_run, discarded, interrupted, failed, incorrect };
/// As in Table: "not_run".
const char* state_name(CellState state);

/// A planned cell with its trials. Points into the RunResults it was made from.
struct CellView {
  const PlannedCell* planned = nullptr;
  std::vector<const TrialRecord*> ok_trials;  ///< empty where the cell is not ok
  bool ok = false;
  CellState state = CellState::not_run;
  std::string outcome;  ///< "ok", "ok (1 discarded)", "failed: out of memory", "not run"
  bool quality = false;
  std::int64_t num_discarded = 0;
  std::string variant;  ///< what no column shows and other cells have otherwise: "dense_attention";
                        ///< of a slice its layers
  std::optional<LayerSlice> slice;  ///< where some layers ran in place of all

  const CellRecord& cell() const { return planned->cell; }
  /// A metric's values over the ok trials.
  std::vector<std::int64_t> pooled(std::string_view metric) const;
  /// Of a slice, those of the phase's metric as the whole model would have them: of each ok trial
  /// or, where one cannot be extrapolated, of none.
  std::vector<std::int64_t> pooled_extrapolated(std::string_view phase) const;
};

/// In plan order.
std::vector<CellView> view_cells(const RunResults& results);

/// What two cells that differ at most in phase (and, with `any_pattern`, in pattern) share.
std::string pairing_key(const CellRecord& cell, bool any_pattern);

bool is_all_full(const std::string& pattern);

/// The indexers' share of all stages' time in the ok trials' samples of a metric ("prefill",
/// "decode"), in percent; empty where no stage was timed.
std::optional<double> indexer_percent(const CellView& view, std::string_view metric);
/// The same of the whole model where the view is a slice's, each layer's time counted for those
/// that it stands for; else empty.
std::optional<double> extrapolated_indexer_percent(const CellView& view, std::string_view metric);

/// What to know where cells that differ in pattern alone were measured on different GPUs; else
/// nothing. Of one kind they still differ by some percent.
std::optional<std::string> gpu_note(const std::vector<CellView>& views);

/// "machine ID: CPU, 16 threads, GPU".
std::string machine_note(const RunRecord& run);
/// "dsabench 0.1.0, commit ...".
std::string build_note(const RunRecord& run);
/// "machine ...", "build ...", "run ..." lines under a table, and what to know about the weights.
void append_run_notes(Table& table, const RunRecord& run);

}  // namespace dsabench::report
