#include "results/report/slice_columns.h"

#include <fmt/format.h>

#include <algorithm>

#include "results/report/number_text.h"

namespace dsabench::report {
namespace {

constexpr double kMillisecond = 1e6;

bool is_known(const Summary& time) { return time.count > 0 && time.median > 0; }

void append_milliseconds(std::vector<Field>& fields, const Summary& time) {
  for (const double ns : {time.median, time.median_low, time.median_high}) {
    fields.push_back(is_known(time) ? Field(ns / kMillisecond) : Field());
  }
}

Field rate(const Summary& time, std::int64_t tokens) {
  return is_known(time) ? Field(static_cast<double>(tokens) * 1e9 / time.median) : Field();
}

Field speedup(const Summary& time, const Summary* base) {
  const bool both = base != nullptr && is_known(*base) && is_known(time);
  return both ? Field(base->median / time.median) : Field();
}

}  // namespace

bool any_sliced(const std::vector<CellView>& views) {
  return std::any_of(views.begin(), views.end(),
                     [](const CellView& view) { return view.slice.has_value(); });
}

std::vector<Column> whole_columns() {
  using enum Shown;
  return {{"layers_measured", "layers measured", "", 0, in_data},
          {"whole_layers", "layers of the whole", "", 0, in_data},
          {"whole_full_layers", "F layers of the whole", "", 0, in_data},
          {"whole_realised", "realised of the whole", "", 0, in_markdown},
          {"whole_pattern", "pattern of the whole", "", 0, in_data, Role::identity}};
}

void append_whole(std::vector<Field>& fields, const CellView& view) {
  if (!view.slice) {
    fields.resize(fields.size() + whole_columns().size());
    return;
  }
  const LayerSlice& slice = *view.slice;
  const auto full = static_cast<std::int64_t>(
      std::count(slice.whole_pattern.begin(), slice.whole_pattern.end(), 'F'));
  const std::int64_t layers = slice.num_layers();
  const double realised = layers > 0 ? double(full) / double(layers) : 0.0;
  fields.insert(fields.end(),
                {slice.layers, layers, full, fmt::format("{}/{} = {:.4g}", full, layers, realised),
                 slice.whole_pattern});
}

WholeTimes whole_times(const CellView* prefill, const CellView* decode) {
  const auto times = [](const CellView* view, const char* phase) {
    return view == nullptr ? Summary() : summarize(view->pooled_extrapolated(phase));
  };
  return {times(prefill, "prefill"), times(decode, "decode")};
}

std::vector<Column> extrapolated_columns() {
  using enum Shown;
  return {{"prefill_extrapolated", "prefill of the whole, extrapolated", "ms", 0, in_markdown},
          {"prefill_extrapolated_ms", "prefill, extrapolated", "ms", 3, in_data},
          {"prefill_extrapolated_ms_low", "prefill, extrapolated, low", "ms", 3, in_data},
          {"prefill_extrapolated_ms_high", "prefill, extrapolated, high", "ms", 3, in_data},
          {"prefill_extrapolated_tokens_per_s", "prefill of the whole, extrapolated", "token/s", 1,
           everywhere},
          {"decode_step_extrapolated_ms", "decode step, extrapolated", "ms", 3, in_data},
          {"decode_step_extrapolated_ms_low", "decode step, extrapolated, low", "ms", 3, in_data},
          {"decode_step_extrapolated_ms_high", "decode step, extrapolated, high", "ms", 3, in_data},
          {"decode_extrapolated_tokens_per_s", "decode of the whole, extrapolated", "token/s", 2,
           everywhere},
          {"prefill_extrapolated_speedup", "speedup prefill, extrapolated", "", 2, everywhere},
          {"decode_extrapolated_speedup", "speedup decode, extrapolated", "", 2, everywhere}};
}

void append_extrapolated(std::vector<Field>& fields, const CellRecord& cell,
                         const WholeTimes& times, const WholeTimes* base) {
  const Summary& prefill = times.prefill;
  fields.push_back(is_known(prefill) ? Field(with_interval(prefill.median / kMillisecond,
                                                           prefill.median_low / kMillisecond,
                                                           prefill.median_high / kMillisecond))
                                     : Field());
  append_milliseconds(fields, prefill);
  fields.push_back(rate(prefill, cell.batch * cell.context_tokens));
  append_milliseconds(fields, times.decode);
  fields.push_back(rate(times.decode, cell.batch));
  fields.push_back(speedup(prefill, base == nullptr ? nullptr : &base->prefill));
  fields.push_back(speedup(times.decode, base == nullptr ? nullptr : &base->decode));
}

const char* extrapolation_note() {
  return "some layers of the model ran in place of all: times, rates and the batch are theirs; "
         "extrapolated is what they and the layers that did not run would take together, from the "
         "stage times of layers of the same kind, and was not measured (docs/METHOD.md, Layer "
         "slices)";
}

}  // namespace dsabench::report
