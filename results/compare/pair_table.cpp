#include "results/compare/pair_table.h"

#include <utility>

#include "results/report/fields.h"

namespace dsabench::compare {
namespace {

using report::CellView;
using report::naming;
using report::nonempty;
using report::varying;

template <class Value>
void append(std::vector<Value>& values, std::vector<Value> more) {
  values.insert(values.end(), more.begin(), more.end());
}

}  // namespace

Table cell_table(std::string title, std::string name, std::vector<Column> columns) {
  Table table;
  table.title = std::move(title);
  table.name = std::move(name);
  table.columns = {varying("model", "model"),
                   varying("suite", "suite"),
                   varying("device", "device"),
                   varying("dtype", "dtype"),
                   varying("indexer_mode", "indexer"),
                   varying("variant", "variant"),
                   varying("phase", "phase"),
                   varying("batch", "batch"),
                   naming("context_tokens", "context", "tokens")};
  append(table.columns, std::move(columns));
  return table;
}

void add_cell_row(Table& table, const CellView& view, std::vector<Field> fields) {
  const CellRecord& cell = view.cell();
  std::vector<Field>& row = table.rows.emplace_back();
  row = {nonempty(cell.model),        nonempty(cell.suite),
         nonempty(cell.device_kind),  nonempty(cell.dtype),
         nonempty(cell.indexer_mode), nonempty(view.variant),
         nonempty(cell.phase),        cell.batch,
         cell.context_tokens};
  append(row, std::move(fields));
}

Table pair_table(std::string title, std::string name, std::vector<Column> columns) {
  std::vector<Column> all = {naming("base_pattern", "pattern, base"),
                             naming("candidate_pattern", "pattern, candidate")};
  append(all, std::move(columns));
  return cell_table(std::move(title), std::move(name), std::move(all));
}

void add_row(Table& table, const CellPair& pair, std::vector<Field> fields) {
  std::vector<Field> all = {pair.base->cell().pattern, pair.candidate->cell().pattern};
  append(all, std::move(fields));
  add_cell_row(table, *pair.candidate, std::move(all));
}

Table unmatched_table(const std::vector<Unmatched>& unmatched) {
  Table table = cell_table(
      "Not compared", "compare_unmatched",
      {naming("pattern", "pattern"), {"side", "side", "", 0}, {"reason", "reason", "", 0}});
  for (const Unmatched& entry : unmatched) {
    add_cell_row(table, *entry.cell, {entry.cell->cell().pattern, entry.side, entry.reason});
  }
  return table;
}

}  // namespace dsabench::compare
