#include "results/report/html/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "results/report/fields.h"

namespace dsabench::report {
namespace {

Field seconds_of(const RunRecord& run) {
  if (run.finished_ms < run.started_ms || run.finished_ms == 0) return {};
  return static_cast<double>(run.finished_ms - run.started_ms) / 1e3;
}

/// "AMD EPYC, 16 threads (4d88a694)": without the word, and of the id what tells machines apart.
std::string machine_of(const RunRecord& run) {
  const std::string note = describe_machine(run.machine_id, run.machine_json);
  const std::size_t colon = note.find(": ");
  const std::string id = run.machine_id.substr(0, 8);
  return colon == std::string::npos ? id : fmt::format("{} ({})", note.substr(colon + 2), id);
}

/// With as much of the commit as people read.
std::string build_of(const RunRecord& run) {
  constexpr std::string_view kCommit = ", commit ";
  constexpr std::size_t kLetters = 10, kWhole = 40;
  std::string note = "dsabench " + run.tool_version + describe_commit(run.build_json);
  const std::size_t at = note.find(kCommit);
  if (at == std::string::npos) return note;
  const std::size_t begin = at + kCommit.size(), end = std::min(note.find(' ', begin), note.size());
  if (end - begin == kWhole) note.erase(begin + kLetters, kWhole - kLetters);
  return note;
}

/// Of the cells that a run planned.
Field models_of(const RunResults& results) {
  std::set<std::string> names;
  for (const PlannedCell& planned : results.plan) names.insert(planned.cell.model);
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return nonempty(text);
}

void append(Table& table, const Field& label, const char* what, const RunRecord& run,
            const Field& model, const CellCounts* counts) {
  std::vector<Field>& row = table.rows.emplace_back();
  row = {label,
         std::string(what),
         run.run_id,
         utc_text(run.started_ms),
         seconds_of(run),
         run.mixed ? run.status + ", mixed" : run.status,
         machine_of(run),
         build_of(run),
         model,
         run.model_id,
         std::string(run.synthetic_weights ? "generated" : "trained")};
  for (const auto member : {&CellCounts::planned, &CellCounts::ok, &CellCounts::incorrect,
                            &CellCounts::failed, &CellCounts::discarded, &CellCounts::unfinished}) {
    row.push_back(counts != nullptr ? Field(counts->*member) : Field());
  }
  row.push_back(run.command_line);
}

}  // namespace

Table summary_table(const ReportInput& input, const Measured& measured) {
  Table table;
  table.title = "Runs in this report";
  table.name = "runs";
  table.columns = {{"run", "run", "", 0},
                   {"what", "what", "", 0},
                   {"run_id", "id", "", 0, Shown::in_data},
                   {"started", "started (UTC)", "", 0},
                   {"seconds", "took", "s", 1},
                   {"status", "status", "", 0},
                   {"machine", "machine", "", 0},
                   {"build", "build", "", 0},
                   {"model", "model", "", 0},
                   {"model_id", "model id", "", 0, Shown::in_data},
                   {"weights", "weights", "", 0},
                   {"cells", "cells", "", 0},
                   {"ok", "verified", "", 0},
                   {"incorrect", "incorrect", "", 0},
                   {"failed", "failed", "", 0},
                   {"discarded", "discarded", "", 0},
                   {"unfinished", "not finished", "", 0},
                   {"command", "command", "", 0}};
  for (std::size_t i = 0; i < input.runs.size(); ++i) {
    append(table, run_label(i), "measurement", input.runs[i].run, models_of(input.runs[i]),
           &measured.counts.at(i));
  }
  for (const SearchOfRun& search : input.searches) {
    append(table, Field(), "search", search.run, Field(), nullptr);
  }
  for (const RunResults& overlap : input.overlaps) {
    append(table, Field(), "overlap", overlap.run, models_of(overlap), nullptr);
  }
  table.notes.push_back(
      "a verified cell has rows of every layer recomputed in double precision and its indexers "
      "counted; an incorrect one is shown nowhere as a time");
  return table;
}

}  // namespace dsabench::report
