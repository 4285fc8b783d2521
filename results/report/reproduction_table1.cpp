#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "results/report/fields.h"
#include "results/report/number_text.h"
#include "results/report/reproduction_setting.h"
#include "results/report/slice_columns.h"
#include "results/statistics.h"

namespace dsabench {
namespace {

using published::index_cache;
using published::Quantity;
using report::CellView;
using report::naming;
using report::nonempty;
using report::optional_field;
using report::varying;

/// A figure of ours: seconds or token/s.
struct MeasuredFigure {
  double value = 0, low = 0, high = 0;
  std::int64_t num_samples = 0;
};

/// A row of the table.
struct Row {
  const CellView* view = nullptr;
  Quantity quantity = Quantity::prefill;
  std::optional<MeasuredFigure> ours;
  std::optional<MeasuredFigure> whole;  ///< of a slice: extrapolated

  const CellRecord& cell() const { return view->cell(); }
  bool is_rate() const { return quantity != Quantity::prefill; }
};

/// Of times in nanoseconds.
std::optional<MeasuredFigure> figure_of(const CellView& view, Quantity quantity,
                                        const std::vector<std::int64_t>& times) {
  const bool prefill = quantity == Quantity::prefill;
  const Summary time = summarize(times);
  if (time.count == 0 || !(time.median_low > 0)) return std::nullopt;
  if (prefill) {
    return MeasuredFigure{time.median / 1e9, time.median_low / 1e9, time.median_high / 1e9,
                          time.count};
  }
  const double tokens = 1e9 * static_cast<double>(view.cell().batch);
  return MeasuredFigure{tokens / time.median, tokens / time.median_high, tokens / time.median_low,
                        time.count};
}

/// By quantity, then context, else as planned.
std::vector<Row> rows_of(const std::vector<CellView>& views) {
  std::vector<Row> rows;
  for (const CellView& view : views) {
    if (view.quality) continue;
    const std::optional<Quantity> quantity = report::quantity_of(view.cell());
    if (!quantity) continue;
    const bool prefill = *quantity == Quantity::prefill;
    rows.push_back(
        {&view, *quantity,
         figure_of(view, *quantity, view.pooled(prefill ? "prefill" : "decode_step")),
         figure_of(view, *quantity, view.pooled_extrapolated(prefill ? "prefill" : "decode"))});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::pair(a.quantity, a.cell().context_tokens) <
           std::pair(b.quantity, b.cell().context_tokens);
  });
  return rows;
}

/// How many times as fast `value` is as `base`.
double times_as_fast(const Row& row, double value, double base) {
  return row.is_rate() ? value / base : base / value;
}

/// What the paper has for a row.
struct PublishedSpeed {
  std::optional<double> value, speedup;
};

PublishedSpeed published_for(const Row& row) {
  const std::string& retention = row.view->planned->nominal_retention;
  PublishedSpeed found;
  found.value = index_cache().speed_of(row.quantity, row.cell().context_tokens, retention);
  const auto base = index_cache().speed_of(row.quantity, row.cell().context_tokens, "1");
  if (found.value && base) found.speedup = times_as_fast(row, *found.value, *base);
  return found;
}

const char* what(Quantity quantity) {
  switch (quantity) {
    case Quantity::prefill:
      return "prefill, s (less is better)";
    case Quantity::decode:
      return "decode per request, token/s (more is better)";
    case Quantity::decode_full:
      return "decode at full KV, token/s per GPU (more is better)";
  }
  return "?";
}

/// `sliced`: whether a cell ran some layers of its model in place of all.
std::vector<Column> table1_columns(bool sliced) {
  using enum Shown;
  std::vector<Column> all = {
      varying("model", "model"),
      varying("device", "device"),
      varying("dtype", "dtype"),
      varying("indexer_mode", "indexer"),
      varying("cache_format", "cache"),
      varying("picks", "picks"),
      {"quantity", "quantity", "", 0, in_data, Role::identity},
      {"unit", "unit", "", 0, in_data},
      {"better", "better", "", 0, in_data},
      {"what", "what", "", 0, in_markdown},
      naming("context_tokens", "context", "tokens"),
      {"nominal_retention", "retention", "", 0, everywhere},
      {"pattern_origin", "pattern of", "", 0, everywhere},
      {"full_layers", "F layers", "", 0, in_data},
      {"layers", "layers", "", 0, in_data},
      {"realised", "F layers", "", 0, in_markdown},
      {"batch", "sequences", "", 0, everywhere},
      {"ours", "ours", "", 4, in_data},
      {"ours_low", "ours, low", "", 4, in_data},
      {"ours_high", "ours, high", "", 4, in_data},
      {"ours_text", "ours (95 %)", "", 0, in_markdown},
      {"published", "published", "", 2, in_data},
      {"published_text", "published", "", 0, in_markdown},
      {"ratio", "ours / published", "", 2, everywhere},
      {"times_as_fast", "ours is × as fast", "", 2, everywhere},
      {"speedup", "speedup over all F, ours", "", 2, everywhere},
      {"published_speedup", "speedup over all F, published", "", 2, everywhere},
      {"samples", "samples", "", 0, everywhere}};
  if (sliced) {
    all.push_back(varying("variant", "variant"));
    const std::vector<Column> whole = report::whole_columns();
    all.insert(all.end(), whole.begin(), whole.end());
    all.insert(all.end(),
               {{"extrapolated", "the whole, extrapolated", "", 4, in_data},
                {"extrapolated_low", "the whole, extrapolated, low", "", 4, in_data},
                {"extrapolated_high", "the whole, extrapolated, high", "", 4, in_data},
                {"extrapolated_text", "the whole, extrapolated", "", 0, in_markdown},
                {"extrapolated_speedup", "speedup of the whole, extrapolated", "", 2, everywhere}});
  }
  all.insert(all.end(), {{"pattern", "pattern", "", 0, in_data, Role::identity},
                         {"state", "state", "", 0, in_data, Role::state},
                         {"outcome", "outcome", "", 0, everywhere, Role::outcome}});
  return all;
}

void append_identity(std::vector<Field>& fields, const Row& row) {
  const CellRecord& cell = row.cell();
  const std::string format = report::canonical_field(cell, "cache_format");
  const auto layers = static_cast<std::int64_t>(cell.pattern.size());
  const auto full =
      static_cast<std::int64_t>(std::count(cell.pattern.begin(), cell.pattern.end(), 'F'));
  fields.insert(fields.end(),
                {nonempty(cell.model), nonempty(cell.device_kind), nonempty(cell.dtype),
                 nonempty(cell.indexer_mode), format.empty() ? nonempty(cell.dtype) : Field(format),
                 nonempty(cell.picks), std::string(published::quantity_name(row.quantity)),
                 std::string(row.is_rate() ? "token/s" : "s"),
                 std::string(row.is_rate() ? "higher" : "lower"), std::string(what(row.quantity)),
                 cell.context_tokens, nonempty(row.view->planned->nominal_retention),
                 nonempty(row.view->planned->pattern_origin), full, layers,
                 fmt::format("{}/{}", full, layers), cell.batch});
}

void append_figures(std::vector<Field>& fields, const Row& row, const MeasuredFigure* base,
                    const PublishedSpeed& paper) {
  if (row.ours) {
    const MeasuredFigure& ours = *row.ours;
    fields.insert(fields.end(), {ours.value, ours.low, ours.high,
                                 report::with_interval(ours.value, ours.low, ours.high)});
  } else {
    fields.insert(fields.end(), {Field(), Field(), Field(), row.view->outcome});
  }
  fields.push_back(optional_field(paper.value));
  fields.push_back(paper.value ? Field(fmt::format("{:g}", *paper.value)) : Field());
  const bool both = row.ours && paper.value;
  fields.push_back(both ? Field(row.ours->value / *paper.value) : Field());
  fields.push_back(both ? Field(times_as_fast(row, row.ours->value, *paper.value)) : Field());
  fields.push_back(row.ours && base ? Field(times_as_fast(row, row.ours->value, base->value))
                                    : Field());
  fields.push_back(optional_field(paper.speedup));
  fields.push_back(row.ours ? Field(row.ours->num_samples) : Field());
}

/// What a slice stands for; `base`: the all-F row's.
void append_slice(std::vector<Field>& fields, const Row& row, const MeasuredFigure* base) {
  fields.push_back(nonempty(row.view->variant));
  report::append_whole(fields, *row.view);
  if (!row.whole) {
    fields.resize(fields.size() + 5);
    return;
  }
  const MeasuredFigure& whole = *row.whole;
  fields.insert(fields.end(),
                {whole.value, whole.low, whole.high,
                 report::with_interval(whole.value, whole.low, whole.high),
                 base ? Field(times_as_fast(row, whole.value, base->value)) : Field()});
}

/// Full caches of a smaller GPU hold fewer sequences: another measurement.
bool has_published_memory(const ReproductionRun& run) {
  return report::gpu_memory_bytes(run) >= index_cache().setting.gpu_memory_bytes;
}

/// Whether as many sequences fit as the published GPUs held at least: among others a sequence is
/// decoded no faster than alone.
bool fits_as_many(const Row& row) {
  const std::string& retention = row.view->planned->nominal_retention;
  const std::int64_t context = row.cell().context_tokens;
  const auto full = index_cache().speed_of(Quantity::decode_full, context, retention);
  const auto alone = index_cache().speed_of(Quantity::decode, context, retention);
  return !full || !alone || double(row.cell().batch) * *alone >= *full;
}

/// The contexts of which too few sequences fit at one retention or another. What a GPU has room for
/// is asked of a context as a whole: caches of fewer indexers' keys alone do not make it another.
std::set<std::int64_t> crowded_contexts(const std::vector<Row>& rows) {
  std::set<std::int64_t> contexts;
  for (const Row& row : rows) {
    if (row.quantity != Quantity::decode_full || fits_as_many(row)) continue;
    contexts.insert(row.cell().context_tokens);
  }
  return contexts;
}

bool compared(const ReproductionRun& run, const Row& row, const std::set<std::int64_t>& crowded) {
  if (!run.same_model) return false;
  return row.quantity != Quantity::decode_full ||
         (has_published_memory(run) && !crowded.contains(row.cell().context_tokens));
}

void append_notes(Table& table, const ReproductionRun& run, const std::vector<CellView>& views,
                  bool crowded) {
  const bool sliced = report::any_sliced(views);
  table.notes.push_back(fmt::format(
      "ours: medians with their 95 % confidence intervals from order statistics, nothing "
      "extrapolated; one GPU, or the CPU, with {} the weights; decode token/s is sequences / "
      "step",
      sliced ? "some of" : "all"));
  if (sliced) table.notes.push_back(report::extrapolation_note());
  table.notes.push_back(
      report::origin_note(index_cache().speed_origin) +
      ": what it has for a retention stands beside each pattern of that retention");
  if (const std::string note = report::model_note(run); !note.empty()) {
    table.notes.push_back(note);
  } else if (!has_published_memory(run)) {
    table.notes.push_back(fmt::format(
        "decode at full KV is not compared: the published GPUs have {:.0f} GB, and fewer "
        "sequences fit here",
        double(index_cache().setting.gpu_memory_bytes) / 1e9));
  } else if (crowded) {
    table.notes.push_back(
        "decode at full KV is not compared at contexts of which fewer sequences fit beside the "
        "weights than the published GPUs, which share them, must have held");
  }
  if (auto note = report::gpu_note(views)) table.notes.push_back(*std::move(note));
  report::append_run_notes(table, run.results.run);
}

}  // namespace

Table reproduction_of_table1(const ReproductionRun& run) {
  const std::vector<CellView> views = report::view_cells(run.results);
  const std::vector<Row> rows = rows_of(views);
  const bool sliced = report::any_sliced(views);
  const std::set<std::int64_t> crowded = crowded_contexts(rows);
  std::map<std::pair<Quantity, std::int64_t>, const Row*> bases;  // all-F, by quantity and context
  for (const Row& row : rows) {
    if (!row.ours || !report::is_all_full(row.cell().pattern)) continue;
    bases.try_emplace({row.quantity, row.cell().context_tokens}, &row);
  }
  Table table;
  table.name = "reproduce_table1";
  table.title = fmt::format("Table 1 of {}: ours on {}; published on {}", index_cache().paper,
                            report::our_hardware(run), report::published_hardware());
  table.columns = table1_columns(sliced);
  for (const Row& row : rows) {
    const auto found = bases.find({row.quantity, row.cell().context_tokens});
    const Row* base = found == bases.end() ? nullptr : found->second;
    std::vector<Field>& fields = table.rows.emplace_back();
    append_identity(fields, row);
    append_figures(fields, row, base == nullptr ? nullptr : &*base->ours,
                   compared(run, row, crowded) ? published_for(row) : PublishedSpeed{});
    if (sliced) append_slice(fields, row, base && base->whole ? &*base->whole : nullptr);
    fields.insert(
        fields.end(),
        {row.cell().pattern, std::string(report::state_name(row.view->state)), row.view->outcome});
  }
  append_notes(table, run, views, !crowded.empty());
  return table;
}

}  // namespace dsabench
