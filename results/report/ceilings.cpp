#include "results/report/ceilings.h"

#include <fmt/format.h>

#include "results/report/cell_view.h"
#include "results/report/fields.h"
#include "results/report/table.h"

namespace dsabench::report {
namespace {

/// The last that began before the trial did.
std::int64_t continuation_of(const RunRecord& run, const TrialRecord& trial) {
  std::int64_t found = -1;
  for (std::size_t i = 0; i < run.continuations.size(); ++i) {
    if (run.continuations[i].started_ms <= trial.started_ms) found = static_cast<std::int64_t>(i);
  }
  return found;
}

/// Work per nanosecond.
double rate(const Ceiling& ceiling) {
  return static_cast<double>(ceiling.work) / static_cast<double>(ceiling.nanoseconds);
}

std::optional<double> declared(const TrialRecord& trial, std::string_view metric) {
  const std::vector<std::int64_t>& values = metric_values(trial, metric);
  if (values.empty()) return std::nullopt;
  return static_cast<double>(values.front());
}

}  // namespace

const Ceiling* ceiling_of(const RunRecord& run, const TrialRecord& trial, const std::string& name) {
  const std::int64_t continuation = continuation_of(run, trial);
  for (const Ceiling& ceiling : run.ceilings) {
    if (ceiling.continuation == continuation && ceiling.name == name && ceiling.nanoseconds > 0 &&
        ceiling.work > 0) {
      return &ceiling;
    }
  }
  return nullptr;
}

std::optional<double> matrix_floor_ns(const RunRecord& run, const CellRecord& cell,
                                      const TrialRecord& trial) {
  double nanoseconds = 0;
  const auto add = [&](std::string_view metric, const std::string& dtype) {
    const std::optional<double> work = declared(trial, metric);
    if (!work) return false;
    if (*work <= 0) return true;
    const Ceiling* ceiling = ceiling_of(run, trial, "matrix_" + dtype);
    if (ceiling == nullptr) return false;
    nanoseconds += *work / rate(*ceiling);
    return true;
  };
  if (!add("matrix_work", cell.dtype) || !add("matrix_work_f8", "f8_e4m3")) return std::nullopt;
  return nanoseconds;
}

double rate_per_s(const Ceiling& ceiling) { return rate(ceiling) * 1e9; }

std::string rate_text(double per_second, const std::string& unit) {
  const bool tera = per_second >= 1e12;
  return fmt::format("{:.4g} {}{}/s", per_second / (tera ? 1e12 : 1e9), tera ? 'T' : 'G',
                     unit == "bytes" ? "B" : unit);
}

}  // namespace dsabench::report

namespace dsabench {
Table ceilings_table(const RunResults& results) {
  using report::naming;
  Table table;
  table.title = "Ceilings measured in this run";
  table.name = "ceilings";
  table.columns = {report::varying("continuation", "continuation"),
                   naming("ceiling", "ceiling"),
                   {"rate_text", "rate", "", 0, Shown::in_markdown},
                   {"rate", "rate", "1/s", 0, Shown::in_data},
                   {"unit", "unit", "", 0, Shown::in_data},
                   {"work", "work of a sample", "", 0, Shown::in_data},
                   {"nanoseconds", "median", "ns", 0, Shown::in_data},
                   {"note", "how, or why not", "", 0, Shown::everywhere}};
  for (const Ceiling& ceiling : results.run.ceilings) {
    const bool measured = ceiling.nanoseconds > 0;
    const double per_second = measured ? report::rate_per_s(ceiling) : 0;
    table.rows.push_back({ceiling.continuation >= 0 ? Field(ceiling.continuation) : Field(),
                          ceiling.name,
                          measured ? Field(report::rate_text(per_second, ceiling.unit)) : Field(),
                          measured ? Field(per_second) : Field(), ceiling.unit,
                          measured ? Field(ceiling.work) : Field(),
                          measured ? Field(ceiling.nanoseconds) : Field(), ceiling.note});
  }
  return table;
}

}  // namespace dsabench
