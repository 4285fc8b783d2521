#pragma once
#include <string>
#include <variant>
#include <vector>

#include "results/store.h"

namespace dsabench {

/// A typed field of a printed row. std::monostate: nothing to show.
using Field = std::variant<std::monostate, std::string, std::int64_t, double>;

/// Where a column appears.
enum class Shown {
  everywhere,
  where_it_varies,  ///< data formats always; Markdown prints a value all rows share once, above
  in_data,          ///< JSON, CSV: not in Markdown
  in_markdown,      ///< text made from data columns: not in JSON, CSV
};

/// What a column is to formats that speak of cases (JUnit, GitHub).
enum class Role {
  value,
  identity,  ///< part of the row's name
  state,     ///< how the case went, one word: see Table
  outcome,   ///< how the case went, for people
};

/// One column: its key in JSON, its heading in Markdown, its unit and how doubles are rounded for
/// people.
struct Column {
  std::string key, heading, unit;
  int decimals = 2;
  Shown shown = Shown::everywhere;
  Role role = Role::value;
};

/// Rows of typed fields under one column list: every output format prints from this.
///
/// A state is one of: ok · incorrect, regression (JUnit: failure) · failed, untrusted (error) ·
/// discarded, interrupted, inconclusive, not_run (skipped). Rows of a table without such a column
/// are ok.
struct Table {
  std::string title;
  std::vector<Column> columns;
  std::vector<std::vector<Field>> rows;
  std::vector<std::string> notes;
  std::string name = {};  ///< in data formats: "speed"; empty: made from the title
};

/// One row per cell and phase pair of a run: context, retention nominal and realised, F layers,
/// prefill time, decode rate, indexer share of prefill and of decode, speedups against the run's
/// all-F cell of the same context and batch (empty where there is none), outcome. A cell that is
/// not ok shows its outcome in place of its numbers.
///
/// Reads the metrics prefill (ns, one batch), decode_step (ns, one token per sequence),
/// cache_bytes, matrix_work and matrix_work_f8 (FLOP of a sample),
/// topk_overlap_neighbour_layers_ppm, topk_overlap_neighbour_queries_ppm and
/// expert_load_max_over_mean_ppm, and stage times "prefill" and "decode". Samples of all ok trials
/// of a cell are pooled; one incorrect trial makes the cell incorrect. A prefill and a decode cell
/// pair, and an all-F cell is a base, where their canonical forms agree but for the keys "phase",
/// "decode_tokens" and "pattern".
///
/// Of a watched device also median SM clock, highest temperature, mean power, energy a token (power
/// times median time) and the share of readings under the power cap; and, where the run has the
/// ceilings, the share of prefill's time that its declared matrix work takes at their rates.
Table speed_table(const RunResults& results);
/// One row per ceiling measured in the run: rate in TFLOP/s or TB/s, and how it was measured or why
/// not. No rows where none was.
Table ceilings_table(const RunResults& results);
/// One row per task of each quality cell (a cell whose suite has answers in this run, or whose
/// phase is not one of prefill, decode, prefill+decode), and one for the mean over its tasks:
/// suite, context, pattern, items, score x 100 with 95 % interval, and "chance" where the weights
/// are synthetic. An item asked in several trials counts once, with its mean score. Intervals:
/// Wilson per task; the mean's is put together from its tasks' (MOVER; Zou and Donner 2008).
Table quality_table(const RunResults& results);

/// GitHub-flavoured Markdown; text from outside is escaped (pipes, newlines, HTML, terminal
/// escapes).
std::string render_markdown(const Table& table);
/// {"schema_version", "tables": [{"title", "columns", "rows": [{key: value}], "notes"}]}; keys in
/// column order; doubles round-trip, never NaN or infinity (null).
std::string render_json(const std::vector<Table>& tables);

}  // namespace dsabench
