#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "results/gate.h"
#include "results/report/cell_view.h"
#include "results/report/fields.h"
#include "results/report/number_text.h"

namespace dsabench {
namespace {

using report::naming;
using report::nonempty;
using report::varying;

/// The first is the worst.
constexpr std::array<Verdict, 5> kWorstFirst = {Verdict::regression, Verdict::environment_untrusted,
                                                Verdict::insufficient, Verdict::inconclusive,
                                                Verdict::pass};

const char* kind_name(MetricKind kind) {
  constexpr std::array<const char*, 3> kNames = {"time", "exact", "quality"};
  return kNames.at(static_cast<std::size_t>(kind));
}

const char* state_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "ok";
    case Verdict::regression:
      return "regression";
    case Verdict::environment_untrusted:
      return "untrusted";
    case Verdict::inconclusive:
    case Verdict::insufficient:
      return "inconclusive";
  }
  return "untrusted";
}

/// What sets cells apart that look alike in the columns, by cell id.
std::map<std::string, std::string> variants_of(const std::vector<GateRow>& rows) {
  RunResults cells;
  for (const GateRow& row : rows) {
    const auto same = [&](const PlannedCell& known) {
      return known.cell.cell_id == row.cell.cell_id;
    };
    if (std::any_of(cells.plan.begin(), cells.plan.end(), same)) continue;
    cells.plan.emplace_back().cell = row.cell;
  }
  std::map<std::string, std::string> variants;
  for (const report::CellView& view : report::view_cells(cells)) {
    variants[view.cell().cell_id] = view.variant;
  }
  return variants;
}

std::string value_text(const GateRow& row, double value) {
  constexpr double kNsPerMs = 1e6;
  if (row.metric == "cell") return "";
  if (row.unit == "ns") return report::significant(value / kNsPerMs) + " ms";
  if (row.kind == MetricKind::quality) return fmt::format("{:.2f}", value);
  return fmt::format("{:.0f} {}", value, row.unit);
}

std::string percent_text(double ratio) { return fmt::format("{:+.2f}", 100 * (ratio - 1)); }

bool has_effect(const GateRow& row) {
  return row.kind != MetricKind::exact && row.num_base > 0 && row.num_candidate > 0;
}

/// So few processes may give none.
bool has_interval(const GateRow& row) {
  return has_effect(row) &&
         (row.kind == MetricKind::quality || (row.low > 0 && std::isfinite(row.high)));
}

std::string effect_text(const GateRow& row) {
  if (!has_effect(row)) return "";
  if (!has_interval(row)) return percent_text(row.effect) + " %";
  if (row.kind == MetricKind::quality) {
    return fmt::format("{:+.2f} points ({:+.2f} to {:+.2f})", row.effect, row.low, row.high);
  }
  return fmt::format("{} % ({} to {})", percent_text(row.effect), percent_text(row.low),
                     percent_text(row.high));
}

Field where(bool there, double value) { return there ? Field(value) : Field(); }

Table rows_table(const GateReport& report) {
  using enum Shown;
  Table table;
  table.name = "gate";
  table.title = "Gate: candidate against base";
  table.columns = {{"verdict", "verdict", "", 0, everywhere},
                   varying("model", "model"),
                   varying("suite", "suite"),
                   varying("device", "device"),
                   varying("dtype", "dtype"),
                   varying("indexer_mode", "indexer"),
                   varying("variant", "variant"),
                   varying("phase", "phase"),
                   varying("batch", "batch"),
                   naming("context_tokens", "context", "tokens"),
                   naming("pattern", "pattern"),
                   naming("metric", "metric"),
                   {"kind", "kind", "", 0, in_data},
                   {"unit", "unit", "", 0, in_data},
                   {"base", "base", "", 2, in_data},
                   {"candidate", "candidate", "", 2, in_data},
                   {"effect", "effect", "", 4, in_data},
                   {"effect_low", "effect, low", "", 4, in_data},
                   {"effect_high", "effect, high", "", 4, in_data},
                   {"base_text", "base", "", 0, in_markdown},
                   {"candidate_text", "candidate", "", 0, in_markdown},
                   {"effect_text", "change", "", 0, in_markdown},
                   {"p", "p", "", 4, in_data},
                   {"p_adjusted", "p, Holm", "", 4, in_data},
                   {"p_text", "p, Holm", "", 0, in_markdown},
                   {"detectable", "detectable", "", 4, in_data},
                   {"detectable_percent", "detectable, %", "", 2, in_markdown},
                   {"base_count", "n, base", "", 0, everywhere},
                   {"candidate_count", "n, candidate", "", 0, everywhere},
                   {"cell_id", "cell", "", 0, in_data},
                   {"state", "state", "", 0, in_data, Role::state},
                   {"reason", "reason", "", 0, everywhere, Role::outcome}};
  std::vector<const GateRow*> sorted;
  for (const Verdict verdict : kWorstFirst) {
    for (const GateRow& row : report.rows) {
      if (row.verdict == verdict) sorted.push_back(&row);
    }
  }
  const auto variants = variants_of(report.rows);
  for (const GateRow* row : sorted) {
    const bool tested = has_effect(*row), bounded = has_interval(*row),
               seen = row->metric != "cell";
    const bool timed = row->kind == MetricKind::time && row->detectable > 0;
    table.rows.push_back({std::string(verdict_name(row->verdict)),
                          nonempty(row->cell.model),
                          nonempty(row->cell.suite),
                          nonempty(row->cell.device_kind),
                          nonempty(row->cell.dtype),
                          nonempty(row->cell.indexer_mode),
                          nonempty(variants.at(row->cell.cell_id)),
                          nonempty(row->cell.phase),
                          row->cell.batch,
                          row->cell.context_tokens,
                          nonempty(row->cell.pattern),
                          row->metric,
                          std::string(kind_name(row->kind)),
                          nonempty(row->unit),
                          where(seen, row->base),
                          where(seen, row->candidate),
                          where(seen, row->effect),
                          where(bounded, row->low),
                          where(bounded, row->high),
                          value_text(*row, row->base),
                          value_text(*row, row->candidate),
                          effect_text(*row),
                          where(tested, row->p),
                          where(tested, row->p_adjusted),
                          tested ? Field(fmt::format("{:.2g}", row->p_adjusted)) : Field(),
                          where(timed, row->detectable),
                          where(timed, 100 * row->detectable),
                          row->num_base,
                          row->num_candidate,
                          row->cell.cell_id,
                          std::string(state_of(row->verdict)),
                          row->reason});
  }
  return table;
}

Table summary_table(const GateReport& report) {
  using enum Shown;
  Table table;
  table.name = "gate_summary";
  table.title = fmt::format("Verdict: {}", verdict_name(report.verdict));
  table.columns = {naming("verdict", "verdict")};
  std::vector<Field> row = {std::string(verdict_name(report.verdict))};
  std::vector<std::string> parts;
  const auto count = [&](Verdict verdict, const char* key, const char* heading) {
    const std::int64_t number =
        std::count_if(report.rows.begin(), report.rows.end(),
                      [&](const GateRow& one) { return one.verdict == verdict; });
    table.columns.push_back({key, heading, "", 0, everywhere});
    row.push_back(number);
    if (number > 0) parts.push_back(fmt::format("{} {}", number, heading));
  };
  count(Verdict::regression, "regressions", "regressed");
  count(Verdict::environment_untrusted, "untrusted", "not to be trusted");
  count(Verdict::insufficient, "insufficient", "with too few processes");
  count(Verdict::inconclusive, "inconclusive", "inconclusive");
  count(Verdict::pass, "passes", "passed");
  table.columns.push_back({"state", "state", "", 0, in_data, Role::state});
  table.columns.push_back({"outcome", "outcome", "", 0, in_data, Role::outcome});
  row.push_back(std::string(state_of(report.verdict)));
  std::string outcome = fmt::format("{}", fmt::join(parts, ", "));
  if (report.verdict == Verdict::environment_untrusted) {
    outcome = fmt::format("{}", fmt::join(report.findings, "; "));
  } else if (parts.empty()) {
    outcome = "nothing was judged";
  }
  row.push_back(outcome);
  table.rows.push_back(std::move(row));
  table.notes = report.findings;
  return table;
}

}  // namespace

std::vector<Table> gate_tables(const GateReport& report) {
  return {summary_table(report), rows_table(report)};
}

}  // namespace dsabench
