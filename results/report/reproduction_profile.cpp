#include <fmt/format.h>

#include <algorithm>

#include "results/report/fields.h"
#include "results/report/reproduction_setting.h"
#include "results/report/slice_columns.h"

namespace dsabench {
namespace {

using published::index_cache;
using published::Quantity;
using report::CellView;
using report::naming;
using report::nonempty;
using report::optional_field;
using report::varying;

/// `sliced`: whether a cell ran some layers of its model in place of all.
std::vector<Column> profile_columns(bool sliced) {
  using enum Shown;
  std::vector<Column> all = {varying("model", "model"),
                             varying("device", "device"),
                             varying("dtype", "dtype"),
                             varying("indexer_mode", "indexer"),
                             varying("picks", "picks"),
                             naming("phase", "phase"),
                             naming("context_tokens", "context", "tokens"),
                             {"full_layers", "F layers", "", 0, where_it_varies},
                             {"ours", "ours", "%", 1, in_data},
                             {"ours_text", "ours, %", "", 0, in_markdown},
                             {"published", "published", "%", 0, everywhere},
                             {"implied", "implied by Table 1", "%", 0, everywhere}};
  if (sliced) {
    all.push_back(varying("variant", "variant"));
    all.push_back({"extrapolated", "the whole, extrapolated", "%", 1, everywhere});
  }
  all.insert(all.end(), {{"state", "state", "", 0, in_data, Role::state},
                         {"outcome", "outcome", "", 0, everywhere, Role::outcome}});
  return all;
}

std::vector<Field> row_of(const CellView& view, Quantity quantity, bool compared, bool sliced) {
  const CellRecord& cell = view.cell();
  const std::optional<double> ours = report::indexer_percent(view, cell.phase);
  const std::int64_t context = cell.context_tokens;
  std::vector<Field> fields = {
      nonempty(cell.model),
      nonempty(cell.device_kind),
      nonempty(cell.dtype),
      nonempty(cell.indexer_mode),
      nonempty(cell.picks),
      cell.phase,
      context,
      static_cast<std::int64_t>(cell.pattern.size()),
      optional_field(ours),
      ours ? fmt::format("{:.1f}", *ours) : view.outcome,
      compared ? optional_field(index_cache().share_of(quantity, context)) : Field(),
      compared ? optional_field(index_cache().implied_share(quantity, context)) : Field()};
  if (sliced) {
    fields.push_back(nonempty(view.variant));
    fields.push_back(optional_field(report::extrapolated_indexer_percent(view, cell.phase)));
  }
  fields.insert(fields.end(), {std::string(report::state_name(view.state)), view.outcome});
  return fields;
}

/// Why the published prefill shares cannot be those of Table 1, at the longest context.
std::string inconsistency_note() {
  constexpr std::int64_t kContext = 200'000;
  const double share = index_cache().share_of(Quantity::prefill, kContext).value();
  const double all = index_cache().speed_of(Quantity::prefill, kContext, "1").value();
  const double quarter = index_cache().speed_of(Quantity::prefill, kContext, "1/4").value();
  return fmt::format(
      "the published prefill shares do not fit Table 1: at {} tokens, {:.1f} s without three "
      "quarters of {:.0f} % would be {:.1f} s, and Table 1 has {:.1f} s at 1/4; implied is the "
      "share that does fit",
      kContext, all, share, all * (1 - 0.75 * share / 100), quarter);
}

}  // namespace

Table reproduction_of_profile(const ReproductionRun& run) {
  Table table;
  table.name = "reproduce_profile";
  table.title =
      fmt::format("The indexers' share of time, all layers Full: ours on {}; published on {}",
                  report::our_hardware(run), report::published_hardware());
  const std::vector<CellView> views = report::view_cells(run.results);
  const bool sliced = report::any_sliced(views);
  table.columns = profile_columns(sliced);
  for (const Quantity quantity : {Quantity::prefill, Quantity::decode}) {
    for (const CellView& view : views) {
      if (view.quality || report::quantity_of(view.cell()) != quantity) continue;
      if (!report::is_all_full(view.cell().pattern)) continue;
      table.rows.push_back(row_of(view, quantity, run.same_model, sliced));
    }
  }
  table.notes = {
      "ours: indexer_proj + indexer_score + topk over all stages' times, of all timed samples",
      report::origin_note(index_cache().share_origin), inconsistency_note()};
  if (const std::string note = report::model_note(run); !note.empty()) table.notes.push_back(note);
  if (sliced) table.notes.push_back(report::extrapolation_note());
  report::append_run_notes(table, run.results.run);
  return table;
}

Table published_table4() {
  Table table;
  table.name = "published_table4";
  table.title = fmt::format("Table 4 of {}, as published: {}", index_cache().paper,
                            index_cache().large.setting);
  table.columns = {naming("pattern_origin", "pattern"), naming("nominal_retention", "retention")};
  for (const std::string& suite : index_cache().large.suites) {
    table.columns.push_back({report::column_key(suite), suite, "", 1});
  }
  for (const published::QualityRow& row : index_cache().large.rows) {
    std::vector<Field>& fields = table.rows.emplace_back();
    fields.insert(fields.end(), {row.name, row.retention});
    fields.insert(fields.end(), row.scores.begin(), row.scores.end());
  }
  table.notes = {
      "none of it is ours: a model of 744B parameters cannot be run here, and generated weights "
      "have no accuracy",
      report::origin_note(index_cache().large.origin)};
  return table;
}

}  // namespace dsabench
