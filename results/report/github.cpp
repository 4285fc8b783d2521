#include <fmt/format.h>

#include "results/report/formats.h"
#include "results/report/plain_text.h"

namespace dsabench::report {
namespace {

/// The data of a workflow command; a property's value may hold neither ':' nor ',' either.
std::string escape(std::string_view text, bool property) {
  std::string out;
  for_each_safe(text, [&](std::uint32_t value, std::string_view bytes) {
    const bool special = value == '%' || value == '\r' || value == '\n' ||
                         (property && (value == ':' || value == ','));
    if (special) {
      out += fmt::format("%{:02X}", value);
    } else if (is_line_space(value)) {
      out += ' ';
    } else {
      out += bytes;
    }
  });
  return out;
}

std::string command(std::string_view kind, const std::string& title, const std::string& message) {
  return fmt::format("::{} title={}::{}\n", kind, escape(title, true), escape(message, false));
}

}  // namespace

std::string render_github(const std::vector<Table>& tables) {
  std::string out;
  int num_rows = 0, num_wrong = 0, num_failed = 0, num_skipped = 0;
  for (const Table& table : tables) {
    for (const std::vector<Field>& row : table.rows) {
      const RowOutcome outcome = row_outcome(table, row);
      ++num_rows;
      num_wrong += outcome.verdict == Verdict::failure;
      num_failed += outcome.verdict == Verdict::error;
      num_skipped += outcome.verdict == Verdict::skipped;
      if (outcome.verdict == Verdict::passed) continue;
      // That a machine is not to be trusted says nothing about the code.
      const bool warning = outcome.verdict == Verdict::skipped || outcome.state == "untrusted";
      out += command(warning ? "warning" : "error", table.title,
                     fmt::format("{}: {}", row_name(table, row), outcome.text));
    }
  }
  out += command("notice", "dsabench",
                 fmt::format("{} rows: {} ok, {} wrong, {} failed, {} skipped", num_rows,
                             num_rows - num_wrong - num_failed - num_skipped, num_wrong, num_failed,
                             num_skipped));
  return out + "\n" + render_markdown(tables);
}

}  // namespace dsabench::report
