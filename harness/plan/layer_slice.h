#pragma once
/// Some layers of a model with generated weights in place of all: what does not fit one GPU is
/// measured by a slice, and the whole extrapolated from it (results/extrapolation.h).
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/model/layer_pattern.h"
#include "engine/model/model_config.h"
#include "results/extrapolation.h"

namespace dsabench {

/// The model with these layers alone, ascending and each once. It keeps its name, and says nothing
/// of patterns: they are the whole's, restricted. Throws InvalidArgument naming --layers and the
/// layer where the model has no such layer.
ModelConfig slice_config(const ModelConfig& whole, std::span<const std::int64_t> layers);

/// The letters of these layers. Layer 0 is among them, so that a Shared one has what to reuse.
LayerPattern slice_pattern(const LayerPattern& whole, std::span<const std::int64_t> layers);

/// D (dense) or E (experts), one for each layer.
std::string mlp_letters(const ModelConfig& config);

/// The slice under a pattern of the whole. Throws InvalidArgument where the whole has a kind of
/// layer that the slice has not, naming the kind and a layer of it; `asked` says how the pattern
/// was asked for ("retention 1/4").
LayerSlice make_slice(const ModelConfig& whole, const LayerPattern& whole_pattern,
                      std::span<const std::int64_t> layers, const std::string& asked);

/// The most layers that so many bytes hold: one of each kind that the model has under uniform 1/4,
/// and then the first of the others. Empty where not even those fit.
std::vector<std::int64_t> slice_that_fits(const ModelConfig& whole,
                                          std::int64_t bytes_per_parameter,
                                          std::int64_t free_bytes);

}  // namespace dsabench
