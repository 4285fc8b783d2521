#pragma once
/// The columns that tables have where a cell ran some layers of its model in place of all. Private
/// to results/.
#include <vector>

#include "results/report/cell_view.h"
#include "results/report/table.h"
#include "results/statistics.h"

namespace dsabench::report {

bool any_sliced(const std::vector<CellView>& views);

/// What the whole is: its layers, F layers and letters. Which of them ran is in a cell's variant.
std::vector<Column> whole_columns();
/// One field a column; all empty where the cell ran all layers.
void append_whole(std::vector<Field>& fields, const CellView& view);

/// A row's extrapolated times, ns; counts are 0 where there is none.
struct WholeTimes {
  Summary prefill, decode;
};
/// Either may be null.
WholeTimes whole_times(const CellView* prefill, const CellView* decode);

/// Times, rates and speedups of the whole, for the speed table.
std::vector<Column> extrapolated_columns();
/// `base`: of the row that speedups are against; null where there is none.
void append_extrapolated(std::vector<Field>& fields, const CellRecord& cell,
                         const WholeTimes& times, const WholeTimes* base);

/// What marks them.
const char* extrapolation_note();

}  // namespace dsabench::report
