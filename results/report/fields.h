#pragma once
/// Columns and fields that tables have in common.
#include <optional>
#include <string>
#include <utility>

#include "results/report/table.h"

namespace dsabench::report {

/// A column that is part of a row's name, in Markdown once above the rows where all share it.
inline Column varying(std::string key, std::string heading) {
  return {std::move(key), std::move(heading), "", 0, Shown::where_it_varies, Role::identity};
}

/// A column that is part of a row's name, in every row.
inline Column naming(std::string key, std::string heading, std::string unit = "") {
  return {std::move(key),    std::move(heading), std::move(unit), 0,
          Shown::everywhere, Role::identity};
}

template <class T>
Field optional_field(const std::optional<T>& value) {
  return value ? Field(*value) : Field();
}
inline Field nonempty(const std::string& text) { return text.empty() ? Field() : Field(text); }

/// A name as a column's key: "LongBench v2" is "longbench_v2".
std::string column_key(const std::string& name);

}  // namespace dsabench::report
