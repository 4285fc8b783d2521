#pragma once
#include <string>
#include <variant>
#include <vector>

#include "results/store.h"

namespace dsabench {

/// A typed field of a printed row. std::monostate: nothing to show.
using Field = std::variant<std::monostate, std::string, std::int64_t, double>;

/// One column: its key in JSON, its heading in Markdown, its unit and how doubles are rounded for
/// people.
struct Column {
  std::string key, heading, unit;
  int decimals = 2;
};

/// Rows of typed fields under one column list: every output format prints from this.
struct Table {
  std::string title;
  std::vector<Column> columns;
  std::vector<std::vector<Field>> rows;
  std::vector<std::string> notes;
};

/// One row per cell and phase pair of a run: context, retention nominal and realised, F layers,
/// prefill time, decode rate, indexer share of prefill and of decode, speedups against the run's
/// all-F cell of the same context and batch (empty where there is none), outcome. A cell that is
/// not ok shows its outcome in place of its numbers.
Table speed_table(const RunResults& results);
/// One row per quality cell: suite, context, pattern, items, score with 95 % interval, and "chance"
/// where the weights are synthetic.
Table quality_table(const RunResults& results);

/// GitHub-flavoured Markdown; text from outside is escaped (pipes, newlines, HTML, terminal
/// escapes).
std::string render_markdown(const Table& table);
/// {"schema_version", "title", "columns", "rows": [{key: value}], "notes"}; doubles round-trip,
/// never NaN or infinity (null).
std::string render_json(const std::vector<Table>& tables);

}  // namespace dsabench
