#pragma once
/// Tables whose rows begin with the cells that they are about. Private to results/.
#include <string>
#include <vector>

#include "results/compare/pairing.h"
#include "results/report/table.h"

namespace dsabench::compare {

/// Without rows: what names a cell, then `columns`.
Table cell_table(std::string title, std::string name, std::vector<Column> columns);
/// `fields` are those of the columns that the table was made with.
void add_cell_row(Table& table, const report::CellView& view, std::vector<Field> fields);

/// Without rows: what names a pair of cells, its two patterns last, then `columns`.
Table pair_table(std::string title, std::string name, std::vector<Column> columns);
void add_row(Table& table, const CellPair& pair, std::vector<Field> fields);

/// What was not compared, and why.
Table unmatched_table(const std::vector<Unmatched>& unmatched);

}  // namespace dsabench::compare
