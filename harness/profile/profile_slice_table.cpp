#include "harness/profile/profile_view.h"
#include "results/report/fields.h"
#include "results/statistics.h"

namespace dsabench::profile_view {

Table whole_table(const View& view) {
  const LayerSlice& slice = *view.slice;
  Table table;
  table.title = "The whole model, extrapolated from " + describe(slice);
  table.name = "profile_whole";
  table.columns = {report::naming("layers_of", "Layers"),
                   {"in_slice", "Measured", ""},
                   {"in_whole", "In the whole", ""},
                   {"ms_per_layer", "A layer", "ms", 4},
                   {"slice_ms", "Those measured", "ms", 3},
                   {"extrapolated_ms", "The whole, extrapolated", "ms", 3}};
  // In parts of the metric, which for decode is a step and not a sample.
  const TimedNumbers& timed = view.timed;
  const double scale = timed.sample > 0 ? timed.median / timed.sample / kMillisecond : 0;
  double rest = timed.median / kMillisecond;
  for (const LayerKind& kind : layer_kinds(slice)) {
    double sum = 0;
    for (const std::int64_t layer : kind.sliced) sum += timed.of_layer(layer) * scale;
    const double each = sum / double(kind.sliced.size());
    table.rows.push_back({describe(kind), std::ssize(kind.sliced), kind.in_whole, each, sum,
                          each * double(kind.in_whole)});
    rest -= sum;
  }
  table.rows.push_back({std::string("outside of layers"), Field(), Field(), Field(), rest, rest});
  const Summary whole = summarize(
      extrapolated_values(slice, view.profiled.timed, phase_name(view.profiled.cell.phase)));
  table.rows.push_back({std::string("all"), Field(), slice.num_layers(), Field(),
                        timed.median / kMillisecond,
                        whole.count > 0 ? Field(whole.median / kMillisecond) : Field()});
  table.notes = {
      "extrapolated, not measured: each layer that did not run is taken to cost what the measured "
      "ones of its kind cost on average; all is the median over values, the rows above it are of "
      "means (docs/METHOD.md, Layer slices)"};
  return table;
}

}  // namespace dsabench::profile_view
