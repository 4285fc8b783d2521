#pragma once
/// The columns of the speed table about the device that ran its cells. Private to results/.
#include <optional>
#include <vector>

#include "results/report/cell_view.h"
#include "results/report/table.h"

namespace dsabench::report {

/// A row of the speed table: the cells that measured its two phases, which may be one or absent,
/// and their median times.
struct DeviceRow {
  const RunRecord& run;
  const CellView* prefill = nullptr;
  const CellView* decode = nullptr;
  std::optional<double> prefill_ns, decode_ns;
};

/// Share of the ceilings, clock, temperature, power, energy, power cap, discarded trials.
std::vector<Column> device_columns();
/// One field a column.
void append_device(std::vector<Field>& fields, const DeviceRow& row);

/// Whether a device was watched while the row was timed.
bool is_watched(const DeviceRow& row);

}  // namespace dsabench::report
