#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "results/report/cell_view.h"
#include "results/report/device_columns.h"
#include "results/report/fields.h"
#include "results/report/number_text.h"
#include "results/report/slice_columns.h"
#include "results/report/table.h"
#include "results/statistics.h"

namespace dsabench {
namespace {

using report::CellView;
using report::naming;
using report::nonempty;
using report::optional_field;
using report::varying;

/// What one cell says about one phase.
struct PhaseNumbers {
  Summary time;                           ///< ns of a prefill, or of a decode step
  std::optional<double> indexer_percent;  ///< of all stages' time
  bool measured() const { return time.count > 0 && time.median > 0; }
};

/// A row: the cells that measured its two phases, which may be one.
struct SpeedRow {
  const CellView* prefill = nullptr;
  const CellView* decode = nullptr;
  const CellView& any() const { return prefill ? *prefill : *decode; }
};

struct RowNumbers {
  PhaseNumbers prefill, decode;
  report::WholeTimes whole;  ///< of a slice
};

PhaseNumbers numbers_of(const CellView* view, const char* samples, const char* stages) {
  if (view == nullptr) return {};
  return {summarize(view->pooled(samples)), report::indexer_percent(*view, stages)};
}

std::vector<SpeedRow> speed_rows(const std::vector<CellView>& views) {
  std::vector<SpeedRow> rows;
  std::map<std::string, std::size_t> open_rows;
  for (const CellView& view : views) {
    if (view.quality) continue;
    const bool prefill = view.cell().phase != "decode", decode = view.cell().phase != "prefill";
    const auto [found, added] =
        open_rows.emplace(report::pairing_key(view.cell(), false), rows.size());
    const SpeedRow* row = added ? nullptr : &rows[found->second];
    if (row == nullptr || (prefill && row->prefill) || (decode && row->decode)) {
      found->second = rows.size();
      rows.emplace_back();
    }
    SpeedRow& target = rows[found->second];
    if (prefill) target.prefill = &view;
    if (decode) target.decode = &view;
  }
  return rows;
}

std::string outcome_of(const SpeedRow& row) {
  if (row.prefill && row.decode && row.prefill->outcome != row.decode->outcome) {
    return fmt::format("prefill {}; decode {}", row.prefill->outcome, row.decode->outcome);
  }
  return row.any().outcome;
}

const char* state_of(const SpeedRow& row) {
  if (row.prefill == nullptr || row.decode == nullptr) return report::state_name(row.any().state);
  return report::state_name(std::max(row.prefill->state, row.decode->state));
}

Field text_with_interval(const PhaseNumbers& numbers) {
  if (!numbers.measured()) return {};
  return report::with_interval(numbers.time.median / 1e6, numbers.time.median_low / 1e6,
                               numbers.time.median_high / 1e6);
}

/// The median of a metric in parts of `unit`, from whichever of a row's cells measured it.
Field median_field(const SpeedRow& row, const char* metric, double unit) {
  for (const CellView* view : {row.prefill, row.decode}) {
    if (view == nullptr) continue;
    const std::vector<std::int64_t> values = view->pooled(metric);
    if (!values.empty()) return quantile(values, 0.5) / unit;
  }
  return {};
}

Field speedup(const PhaseNumbers& numbers, const PhaseNumbers* base) {
  if (base == nullptr || !base->measured() || !numbers.measured()) return {};
  return base->time.median / numbers.time.median;
}

Field rate(const PhaseNumbers& numbers, std::int64_t tokens) {
  if (!numbers.measured()) return {};
  return static_cast<double>(tokens) * 1e9 / numbers.time.median;
}

std::vector<Column> identity_columns() {
  return {varying("model", "model"),
          varying("suite", "suite"),
          varying("device", "device"),
          varying("dtype", "dtype"),
          varying("indexer_mode", "indexer"),
          varying("picks", "picks"),
          varying("variant", "variant"),
          varying("batch", "batch"),
          naming("context_tokens", "context", "tokens"),
          {"nominal_retention", "retention", "", 0, Shown::everywhere},
          {"full_layers", "F layers", "", 0, Shown::in_data},
          {"layers", "layers", "", 0, Shown::in_data},
          {"realised_retention", "realised", "", 4, Shown::in_data},
          {"realised", "realised", "", 0, Shown::in_markdown},
          naming("pattern", "pattern"),
          {"pattern_origin", "origin", "", 0, Shown::where_it_varies},
          {"dialect", "dialect", "", 0, Shown::in_data}};
}

void append_identity(std::vector<Field>& fields, const CellView& view) {
  const PlannedCell& planned = *view.planned;
  const CellRecord& cell = planned.cell;
  const auto layers = static_cast<std::int64_t>(cell.pattern.size());
  const auto full =
      static_cast<std::int64_t>(std::count(cell.pattern.begin(), cell.pattern.end(), 'F'));
  const double realised =
      layers > 0 ? static_cast<double>(full) / static_cast<double>(layers) : 0.0;
  for (const std::string* text : {&cell.model, &cell.suite, &cell.device_kind, &cell.dtype,
                                  &cell.indexer_mode, &cell.picks, &view.variant}) {
    fields.push_back(nonempty(*text));
  }
  fields.insert(fields.end(),
                {cell.batch, cell.context_tokens, nonempty(planned.nominal_retention), full, layers,
                 realised, fmt::format("{}/{} = {:.4g}", full, layers, realised), cell.pattern,
                 nonempty(planned.pattern_origin), nonempty(planned.dialect)});
}

std::vector<Column> number_columns() {
  return {{"prefill", "prefill (95 %)", "ms", 0, Shown::in_markdown},
          {"prefill_ms", "prefill", "ms", 3, Shown::in_data},
          {"prefill_ms_low", "prefill, low", "ms", 3, Shown::in_data},
          {"prefill_ms_high", "prefill, high", "ms", 3, Shown::in_data},
          {"prefill_tokens_per_s", "prefill", "token/s", 1, Shown::everywhere},
          {"decode_step_ms", "decode step", "ms", 3, Shown::in_data},
          {"decode_step_ms_low", "decode step, low", "ms", 3, Shown::in_data},
          {"decode_step_ms_high", "decode step, high", "ms", 3, Shown::in_data},
          {"decode_tokens_per_s", "decode", "token/s", 2, Shown::everywhere},
          {"prefill_indexer_percent", "indexer of prefill", "%", 1, Shown::everywhere},
          {"decode_indexer_percent", "indexer of decode", "%", 1, Shown::everywhere},
          {"prefill_speedup", "speedup prefill", "", 2, Shown::everywhere},
          {"decode_speedup", "speedup decode", "", 2, Shown::everywhere},
          {"prefill_samples", "prefill samples", "", 0, Shown::in_data},
          {"decode_samples", "decode samples", "", 0, Shown::in_data},
          {"samples", "samples", "", 0, Shown::in_markdown},
          {"cache_mib", "cache", "MiB", 2, Shown::where_it_varies},
          {"topk_overlap_layers", "top-k overlap, layers", "", 2, Shown::where_it_varies},
          {"topk_overlap_queries", "top-k overlap, queries", "", 2, Shown::where_it_varies},
          {"expert_load", "expert load, max/mean", "", 2, Shown::where_it_varies}};
}

std::vector<Column> outcome_columns() {
  return {{"state", "state", "", 0, Shown::in_data, Role::state},
          {"outcome", "outcome", "", 0, Shown::everywhere, Role::outcome}};
}

void append_milliseconds(std::vector<Field>& fields, const PhaseNumbers& numbers) {
  for (const double ns : {numbers.time.median, numbers.time.median_low, numbers.time.median_high}) {
    fields.push_back(numbers.measured() ? Field(ns / 1e6) : Field());
  }
}

report::DeviceRow device_row(const RunRecord& run, const SpeedRow& row, const RowNumbers& numbers) {
  const auto median = [](const PhaseNumbers& phase) {
    return phase.measured() ? std::optional(phase.time.median) : std::nullopt;
  };
  return {run, row.prefill, row.decode, median(numbers.prefill), median(numbers.decode)};
}

void append_numbers(std::vector<Field>& fields, const SpeedRow& row, const RowNumbers& numbers,
                    const RowNumbers* base) {
  const CellRecord& cell = row.any().cell();
  const PhaseNumbers &prefill = numbers.prefill, &decode = numbers.decode;
  const bool any = prefill.measured() || decode.measured();
  fields.push_back(text_with_interval(prefill));
  append_milliseconds(fields, prefill);
  fields.push_back(rate(prefill, cell.batch * cell.context_tokens));
  append_milliseconds(fields, decode);
  fields.push_back(rate(decode, cell.batch));
  fields.push_back(optional_field(prefill.indexer_percent));
  fields.push_back(optional_field(decode.indexer_percent));
  fields.push_back(speedup(prefill, base ? &base->prefill : nullptr));
  fields.push_back(speedup(decode, base ? &base->decode : nullptr));
  fields.push_back(prefill.measured() ? Field(prefill.time.count) : Field());
  fields.push_back(decode.measured() ? Field(decode.time.count) : Field());
  fields.push_back(any ? Field(fmt::format("{} / {}", prefill.time.count, decode.time.count))
                       : Field());
  fields.push_back(median_field(row, "cache_bytes", 1024.0 * 1024.0));
  fields.push_back(median_field(row, "topk_overlap_neighbour_layers_ppm", 1e6));
  fields.push_back(median_field(row, "topk_overlap_neighbour_queries_ppm", 1e6));
  fields.push_back(median_field(row, "expert_load_max_over_mean_ppm", 1e6));
}

/// `sliced`: whether a cell ran some layers in place of all.
std::vector<Column> columns(bool sliced) {
  std::vector<Column> all = identity_columns();
  const auto append = [&all](const std::vector<Column>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  append(number_columns());
  if (sliced) append(report::whole_columns());
  if (sliced) append(report::extrapolated_columns());
  append(report::device_columns());
  append(outcome_columns());
  return all;
}

}  // namespace

Table speed_table(const RunResults& results) {
  const std::vector<CellView> views = report::view_cells(results);
  const std::vector<SpeedRow> rows = speed_rows(views);
  const bool sliced = report::any_sliced(views);
  std::vector<RowNumbers> numbers;
  std::map<std::string, RowNumbers> bases;
  for (const SpeedRow& row : rows) {
    const RowNumbers& added =
        numbers.emplace_back(RowNumbers{numbers_of(row.prefill, "prefill", "prefill"),
                                        numbers_of(row.decode, "decode_step", "decode"),
                                        report::whole_times(row.prefill, row.decode)});
    const CellRecord& cell = row.any().cell();
    if (report::is_all_full(cell.pattern)) bases.emplace(report::pairing_key(cell, true), added);
  }
  Table table;
  table.title = "Speed";
  table.name = "speed";
  table.columns = columns(sliced);
  bool watched = false;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<Field>& fields = table.rows.emplace_back();
    append_identity(fields, rows[i].any());
    const auto found = bases.find(report::pairing_key(rows[i].any().cell(), true));
    const RowNumbers* base = found == bases.end() ? nullptr : &found->second;
    watched |= report::is_watched(device_row(results.run, rows[i], numbers[i]));
    append_numbers(fields, rows[i], numbers[i], base);
    if (sliced) {
      report::append_whole(fields, rows[i].any());
      report::append_extrapolated(fields, rows[i].any().cell(), numbers[i].whole,
                                  base ? &base->whole : nullptr);
    }
    report::append_device(fields, device_row(results.run, rows[i], numbers[i]));
    fields.push_back(std::string(state_of(rows[i])));
    fields.push_back(outcome_of(rows[i]));
  }
  if (!rows.empty()) {
    table.notes.push_back(
        "times are medians with their 95 % confidence intervals from order statistics; speedups "
        "are against the all-F row of the same configuration; samples are prefills / decode steps");
  }
  if (watched) {
    table.notes.push_back(
        "clocks, temperature, power and power cap are those of the device while samples were "
        "taken; energy a token is mean power x median time");
  }
  if (sliced) table.notes.push_back(report::extrapolation_note());
  if (auto note = report::gpu_note(views)) table.notes.push_back(*std::move(note));
  report::append_run_notes(table, results.run);
  return table;
}

}  // namespace dsabench
