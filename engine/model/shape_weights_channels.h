#pragma once
#include <algorithm>
#include <cstdint>

#include "engine/model/model_config.h"

namespace dsabench {

/// Channels of the residual stream that no block writes into, so that every layer finds there what
/// the embedding put there: first those of the planted picks, then those that routers read.
struct ShapeChannels {
  static constexpr std::int64_t kSalience = 4;

  explicit ShapeChannels(const ModelConfig& config)
      : salience_begin(std::max<std::int64_t>(1, config.hidden_size / 64)),
        router_begin(salience_begin + kSalience),
        router_end(router_begin + std::clamp<std::int64_t>(config.hidden_size / 4, 4, 256)) {}

  std::int64_t constants() const { return salience_begin; }
  std::int64_t protected_end() const { return router_end; }

  std::int64_t salience_begin;  ///< [0, salience_begin): the same value in every token
  std::int64_t router_begin;
  std::int64_t router_end;
};

}  // namespace dsabench
