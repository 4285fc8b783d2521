#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tests/support/error_message.h"
#include "tests/support/forward_recorder.h"
#include "tests/support/placed_model.h"
#include "tests/support/random_model.h"

namespace dsabench::test {

inline EngineOptions chunked(std::int64_t chunk_tokens) {
  EngineOptions options;
  options.chunk_tokens = chunk_tokens;
  return options;
}

/// Options under which every prompt of these tests is one forward pass.
inline EngineOptions one_shot() { return chunked(1 << 20); }

/// Its caches lie in shuffled blocks.
inline Engine make_engine(const RandomModel& model, const LayerPattern& pattern,
                          EngineOptions options) {
  const WeightPlacement placement = engine_placement();
  options.block_order_seed = test_seed();
  return Engine(model.config,
                placement.queue == nullptr ? model.weights : placed_copy(*model.weights, placement),
                pattern, options);
}

/// Poisoned f32 logits of `rows` rows.
inline Tensor logits_tensor(const Engine& engine, std::int64_t rows) {
  Tensor logits(DType::f32, {rows, engine.config().vocab_size});
  logits.poison();
  return logits;
}

/// Logits of every token of `tokens`, appended to `sequence` by prefill.
inline Tensor prefill_all(Engine& engine, std::int64_t sequence,
                          const std::vector<std::int32_t>& tokens,
                          ForwardObserver* observer = nullptr) {
  Tensor logits = logits_tensor(engine, std::ssize(tokens));
  const SequenceTokens entry{sequence, tokens};
  engine.prefill({&entry, 1}, LogitRows::all, logits, observer);
  return logits;
}

inline Tensor prefill_all(Engine& engine, const std::vector<std::int32_t>& tokens) {
  return prefill_all(engine, engine.add_sequence(0), tokens);
}

/// Logits [1, vocab] after one more token.
inline Tensor decode_one(Engine& engine, std::int64_t sequence, std::int32_t token,
                         ForwardObserver* observer = nullptr) {
  Tensor logits = logits_tensor(engine, 1);
  engine.decode({&sequence, 1}, {&token, 1}, logits, observer);
  return logits;
}

inline bool same_bits(ConstTensorView a, ConstTensorView b) {
  return a.dtype() == b.dtype() && a.num_elements() == b.num_elements() && a.is_contiguous() &&
         b.is_contiguous() &&
         std::memcmp(a.raw(), b.raw(), static_cast<std::size_t>(a.bytes())) == 0;
}

/// The message of the InvalidArgument that `action` throws; empty where it throws none.
template <class Action>
std::string refusal(Action&& action) {
  return message_of<InvalidArgument>(action);
}

}  // namespace dsabench::test
