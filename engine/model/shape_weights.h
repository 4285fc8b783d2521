#pragma once
#include <cstdint>
#include <string_view>

#include "engine/model/weights.h"

namespace dsabench {

/// How a shape model's indexers choose. planted: the weights carry a component that gives neighbour
/// queries 0.80-0.90 and neighbour layers 0.7-1.0 of their indices in common, as published for real
/// models. random: no such component: the worst case.
enum class Picks { planted, random };
const char* picks_name(Picks picks);
Picks parse_picks(std::string_view name);

/// Element `index` of the generator's stream `stream` under `seed`: standard normal, a pure
/// function of its arguments, with the same bits on every device and thread count (integer
/// counter-based bits, then arithmetic that IEEE fixes exactly).
float shape_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t index);

/// Generated weights for a config of any size: N(0, 1/fan_in) matrices, N(0, 1) embeddings, unit
/// norms, router bias balanced so that the busiest expert has at most twice the mean load on
/// generated text-like tokens, and, for Picks::planted, the shared component described in
/// shape_weights.cpp. Speed only: the accuracy of such a model is chance.
Weights generate_shape_weights(const ModelConfig& config, Picks picks, std::uint64_t seed);
/// At their place: the same values, rounded where that place holds bf16. Matrices are generated on
/// the device itself.
Weights generate_shape_weights(const ModelConfig& config, Picks picks, std::uint64_t seed,
                               const WeightPlacement& placement);

}  // namespace dsabench
