#pragma once
/// Times of a whole model, from those of some of its layers.
///
/// Goals: a pure function of what was stored, so that a measured number is never replaced by one
/// that was not. Non-goals: what a slice does not have: the whole's memory, its batch, its caches.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "results/record.h"

namespace dsabench {

/// Some layers of a model that ran in place of all. The texts have a letter for each layer.
struct LayerSlice {
  std::string layers;         ///< which, see layer_list.h: "0,3-6"
  std::string pattern;        ///< F or S, of those
  std::string whole_pattern;  ///< F or S, of all
  std::string whole_mlp;      ///< D (dense) or E (experts), of all

  std::int64_t num_layers() const { return static_cast<std::int64_t>(whole_pattern.size()); }
};
/// Nothing where the cell's canonical form names no slice: all layers ran.
std::optional<LayerSlice> slice_of(const CellRecord& cell);
/// "layers 0,3-6 of 78".
std::string describe(const LayerSlice& slice);

/// Layers of one feed-forward and one letter: they are taken to cost alike.
struct LayerKind {
  char mlp = 'D', letter = 'F';
  std::int64_t first = 0;            ///< of the whole's layers of this kind
  std::int64_t in_whole = 0;         ///< number of them
  std::vector<std::int64_t> sliced;  ///< those of the slice, counted from its first layer
};
/// "Shared layers with experts", "dense Full layers".
std::string describe(const LayerKind& kind);
/// The kinds that the whole has, by their first layers. None where the slice is no slice of that
/// whole, as a damaged or foreign record may say.
std::vector<LayerKind> layer_kinds(const LayerSlice& slice);

/// How many layers of the whole each layer of the slice stands for: of its kind, the number in the
/// whole over the number in the slice. None where layer_kinds has none, and where the slice is
/// without a kind that the whole has.
std::vector<double> layer_weights(const LayerSlice& slice);

/// The trial's values of "prefill", or with phase "decode" of "decode_step", as the whole would
/// have them, ns: one for each, in order. To a sample is added, for each kind of layer, the mean
/// stage time of the slice's layers of that kind times the number of layers that the slice lacks.
/// Where stages were timed in a sample of their own, what is added is scaled from that sample's
/// length to each value's; the steps of a decode sample share what is added by their lengths. None
/// where layer_weights has none, or the trial's stage times do not cover its samples.
std::vector<std::int64_t> extrapolated_values(const LayerSlice& slice, const TrialRecord& trial,
                                              std::string_view phase);

}  // namespace dsabench
