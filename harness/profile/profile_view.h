#pragma once
/// What the tables of a profile have in common. Private to them.
#include "harness/profile/profiled_cell.h"
#include "results/extrapolation.h"
#include "results/report/table.h"

namespace dsabench::profile_view {

inline constexpr double kMillisecond = 1e6;

/// A profile with all that several tables read of it.
struct View {
  explicit View(const ProfiledCell& of)
      : profiled(of),
        timed(timed_numbers(of)),
        activities(activities_by_stage(of.profile.trace)),
        slice(slice_of(of.planned.cell)) {}
  bool is_traced() const { return !profiled.profile.tracer.empty(); }
  std::int64_t num_layers() const { return profiled.config.num_layers; }
  bool is_full(std::int64_t layer) const {
    return profiled.cell.pattern[static_cast<std::size_t>(layer)] == 'F';
  }

  const ProfiledCell& profiled;
  TimedNumbers timed;
  StageActivities activities;
  std::optional<LayerSlice> slice;  ///< where some layers ran in place of all
};

inline Field share(double part, double whole) {
  return whole > 0 ? Field(100.0 * part / whole) : Field();
}

inline Field count_if_traced(const View& view, std::int64_t count) {
  return view.is_traced() ? Field(count) : Field();
}

Table group_table(const View& view);
Table layer_table(const View& view);
Table kernel_table(const View& view);
/// Of a slice: what its layers stand for, and the whole that is extrapolated from them.
Table whole_table(const View& view);

}  // namespace dsabench::profile_view
