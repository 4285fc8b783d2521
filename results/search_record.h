#pragma once
/// What a search for patterns saw, as the database keeps it: raw numbers, as in record.h.
#include "results/record.h"

namespace dsabench {

/// The status of a run that is a search: it has neither cells nor trials.
inline constexpr const char* kSearchStatus = "search";

/// One evaluated pattern: `from_pattern` with layer `layer` made Shared.
struct SearchedFlip {
  std::int64_t calibration = 0;  ///< 1: on the second set of questions
  std::string method;            ///< "greedy", "beam 4"
  std::int64_t step = 0, position = 0;
  std::string from_pattern;
  std::int64_t layer = 0;
  double loss = 0.0;      ///< mean cross-entropy of the answers' tokens
  bool given_up = false;  ///< the loss is at least that
  bool kept = false;      ///< the search went on from it
};

/// What a method found, or an all-Full pattern to hold it against.
struct SearchedPattern {
  std::int64_t calibration = 0;
  std::string method, pattern;
  std::string retention;  ///< as asked for
  double loss = 0.0;
};

struct SearchRecord {
  std::string run_id;
  bool interrupted = false;
  std::string settings_json;
  std::vector<SearchedFlip> flips;        ///< by calibration, method, step and position
  std::vector<SearchedPattern> patterns;  ///< read: by calibration, method and pattern
};

}  // namespace dsabench
