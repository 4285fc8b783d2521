#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/search/calibration_loss.h"
#include "harness/run/progress.h"
#include "harness/run/search_methods.h"
#include "results/search_record.h"

namespace dsabench {

/// The method under which each layer alone is made Shared, all others Full; and under which no
/// layer is.
inline constexpr const char* kAloneMethod = "alone";
inline constexpr const char* kAllFullMethod = "all Full";

struct SearchSetup {
  Engine& engine;  ///< all Full
  /// The questions that are searched on, and others that what was found is held against (none: it
  /// is not).
  std::vector<CalibrationText> texts, second_texts;
  std::vector<SearchMethod> methods;
  std::vector<SearchTarget> targets;
  bool give_up = false;               ///< GreedyOptions::give_up
  std::int64_t pass_tokens = 8192;    ///< CalibrationLoss::Options::pass_tokens
  std::function<bool()> interrupted;  ///< asked before each forward pass
  Progress& progress;
};

/// What was asked of one set of questions.
struct SearchWork {
  std::int64_t questions = 0, answer_tokens = 0;
  std::int64_t asked = 0, remembered = 0;  ///< patterns, and of them those known from before
  CalibrationWork evaluated;
  double seconds = 0.0;
};

struct SearchOutcome {
  SearchRecord record;           ///< without run id and settings
  std::vector<SearchWork> work;  ///< of each set
  /// Of the losses of each layer made Shared alone, on the two sets. Empty without a second.
  std::optional<double> flip_rank_correlation;
  /// What no other evaluated pattern beats in loss on the first set and number of Full layers.
  std::vector<SearchedPattern> front;
};

/// Evaluates all Full and each layer made Shared alone, then goes through the methods; each pattern
/// is evaluated once a set. Ends early, with what there is, when it was interrupted. Throws
/// InvalidArgument where a loss is NaN, and what the engine throws.
SearchOutcome search_patterns(const SearchSetup& setup);

}  // namespace dsabench
