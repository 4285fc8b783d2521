#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "suites/facts/split.h"

namespace dsabench::facts {

/// What training sequences hold: the curriculum is a walk through values of `records`.
struct TrainingMix {
  std::vector<std::string> tasks;  ///< empty: all
  std::int64_t records = 24;       ///< statements of each task, moved into what the task takes
  std::int64_t queries = 8;        ///< to each task, at most
  bool every_question = false;     ///< also such as no sample asks: about steps on the way
};

/// Token ids are indices into vocabulary(), as in a facts-compact prompt.
struct TrainingSequence {
  std::vector<std::int32_t> tokens;
  /// 1 where the token is a word of an answer or ends it, and so is to be predicted from those
  /// before it; else 0.
  std::vector<std::uint8_t> is_answer;
};

/// Exactly `length` tokens: statements of problems of several tasks, one of each family in the mix
/// at most, in random order among each other, with notes and dots where they leave room; then
/// queries to all of them in random order, each with its answer. Tasks of the mix are left out
/// where the length cannot hold their statements and a query.
///
/// A pure function of its arguments. Throws InvalidArgument for unknown
/// tasks, records or queries below one, and a length that holds no task of the mix.
TrainingSequence make_training_sequence(const ProblemKey& key, std::int64_t length,
                                        const TrainingMix& mix);

}  // namespace dsabench::facts
