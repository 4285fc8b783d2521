#include <fmt/format.h>

#include <algorithm>

#include "results/overlap_view.h"
#include "results/report/fields.h"
#include "results/report/reproduction_setting.h"

namespace dsabench {
namespace {

using published::index_cache;
using published::OverlapFigures;
using report::optional_field;

/// What some pairs of layers have in common, in percent.
struct PairShares {
  std::int64_t num_pairs = 0;
  double least = 100.0, sum = 0.0, greatest = 0.0;

  void add(double share) {
    const double percent = 100.0 * share;
    ++num_pairs;
    least = std::min(least, percent);
    sum += percent;
    greatest = std::max(greatest, percent);
  }
};

PairShares neighbours(const OverlapView& overlap) {
  PairShares shares;
  for (std::int64_t layer = 1; layer < overlap.num_layers; ++layer) {
    shares.add(overlap.share(layer - 1, layer));
  }
  return shares;
}

/// Of the first and the last quarter of the layers: the paper says early and late.
PairShares early_with_late(const OverlapView& overlap) {
  PairShares shares;
  const std::int64_t quarter = overlap.num_layers / 4;
  for (std::int64_t early = 0; early < quarter; ++early) {
    for (std::int64_t late = overlap.num_layers - quarter; late < overlap.num_layers; ++late) {
      shares.add(overlap.share(early, late));
    }
  }
  return shares;
}

std::vector<Field> row_of(const char* layers, const PairShares& shares,
                          std::optional<double> published_least,
                          std::optional<double> published_greatest) {
  std::vector<Field> row{std::string(layers), shares.num_pairs};
  if (shares.num_pairs == 0) {
    row.insert(row.end(), 3, Field());
  } else {
    const double mean = shares.sum / static_cast<double>(shares.num_pairs);
    row.insert(row.end(), {shares.least, mean, shares.greatest});
  }
  row.insert(row.end(), {optional_field(published_least), optional_field(published_greatest)});
  return row;
}

std::string rows_note(const OverlapView& overlap) {
  std::string note = "ours: share of the indices that two layers choose in common, all layers Full";
  if (const auto pairs = overlap.value(kOverlapPairs)) {
    note += fmt::format("; mean over {} rows with at least twice as many keys", *pairs);
  }
  if (const auto chance = overlap.value(kOverlapChance)) {
    note += fmt::format("; chance is {:.1f} %", static_cast<double>(*chance) / 1e4);
  }
  return note;
}

}  // namespace

Table reproduction_of_overlap(const ReproductionRun& run) {
  const OverlapView overlap = view_overlap(run.results);
  const OverlapFigures& paper = index_cache().overlap;
  Table table;
  table.name = "reproduce_overlap";
  table.title = fmt::format(
      "What layers choose in common: ours of {}, {} at {} tokens, on {}; published of {} at {} "
      "tokens",
      overlap.cell.model, overlap.cell.suite, overlap.cell.context_tokens,
      report::our_hardware(run), index_cache().setting.model, paper.context_tokens);
  table.columns = {{"layers", "layers", "", 0, Shown::everywhere, Role::identity},
                   {"num_pairs", "pairs", ""},
                   {"least", "least", "%", 1},
                   {"mean", "mean", "%", 1},
                   {"greatest", "greatest", "%", 1},
                   {"published_least", "published, least", "%", 0},
                   {"published_greatest", "published, greatest", "%", 0}};
  table.rows = {row_of("neighbours", neighbours(overlap), paper.neighbours_least_percent,
                       paper.neighbours_greatest_percent),
                row_of("first quarter with last", early_with_late(overlap), std::nullopt,
                       paper.early_late_greatest_percent)};
  table.notes = {rows_note(overlap)};
  if (run.results.run.synthetic_weights) {
    table.notes.push_back("what layers of generated weights choose in common is planted (--picks)");
  } else {
    table.notes.push_back(
        "other questions than the paper's, and another model: the shapes can be held against each "
        "other, the figures cannot");
  }
  table.notes.push_back(report::origin_note(paper.origin));
  report::append_run_notes(table, run.results.run);
  return table;
}

}  // namespace dsabench
