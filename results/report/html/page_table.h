#pragma once
/// A table as the page's script reads it. Private to results/.
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "results/report/table.h"

namespace dsabench::report {

/// {"name", "title", "notes", "num_rows", "columns": [{"key", "heading", "unit", "decimals",
/// "shown", and the values}]}. Values are "same": of all rows; "distinct" and "at": each row's
/// place among them; or "values". Without columns made for Markdown. On the page stand those that
/// are not for data alone and differ, and those `also`; the others are in its CSV.
nlohmann::json page_table(const Table& table, const std::set<std::string>& also = {});

/// Six significant digits.
double rounded(double value);

}  // namespace dsabench::report
