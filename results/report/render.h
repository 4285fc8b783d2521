#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "results/report/table.h"

namespace dsabench {

enum class TableFormat { markdown, csv, json, jsonl, sql, junit, github };

/// By name: md, csv, json, jsonl, sql, junit, github. Throws InvalidArgument that lists them.
TableFormat parse_table_format(std::string_view name);
/// "md, csv, json, jsonl, sql, junit, github", for help texts and messages.
std::string table_format_names();

/// The tables in one text that ends with a line break. Doubles round-trip in all data formats (sql:
/// as well as SQLite reads digits, to a few units of 1e-16) and are rounded for people in md and
/// github; NaN and infinity are null or empty. Text from outside
/// stays text: bytes that are not UTF-8 become U+FFFD (sql keeps them), and no format lets a
/// control character reach a terminal as one.
///   md      one table after the other, see render_markdown
///   csv     RFC 4180, lines end in CRLF. First column "table"; a table begins with its header, an
///           empty line parts tables. Absent: empty. A text that a spreadsheet would run as a
///           formula (it begins with = + - @, tab or carriage return) gets a leading apostrophe
///   json    one document, see render_json
///   jsonl   one object per row: "table", "schema_version", then the columns; files may be appended
///   sql     one transaction of CREATE TABLE IF NOT EXISTS and INSERT that sqlite3 loads; text with
///           control characters or broken UTF-8 is a CAST of its bytes
///   junit   XML: testsuite = table, testcase = row, named by its identity columns; what went wrong
///           by the row's state (see Table); every other data column is a property; notes are the
///           suite's output
///   github  ::error for rows that are wrong or failed, ::warning for skipped ones, ::notice with
///           the counts, then Markdown
std::string render(TableFormat format, const std::vector<Table>& tables);

}  // namespace dsabench
