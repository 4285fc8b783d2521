#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/search/calibration_loss.h"
#include "engine/text/tokenizer.h"
#include "suites/suite.h"

namespace dsabench {

/// What the questions that a search is made on are drawn from.
struct CalibrationRequest {
  std::string suite;
  std::int64_t context_tokens = 0, samples_per_task = 1;
  std::uint64_t seed = 0;
  std::vector<std::string> tasks;  ///< empty: all
};

/// The suite of that name, whose questions none is scored by: of `facts` and `facts-compact` the
/// calibration split, of others the suite itself. Throws InvalidArgument for an unknown suite and
/// for one without questions.
const Suite& calibration_suite(const std::string& name);
/// Whether no seed of it gives a question that the suite of that name asks.
bool has_calibration_split(const std::string& name);

/// Throws InvalidArgument where calibration_set() would: cheap.
void check_calibration(const CalibrationRequest& request, const Tokenizer* tokenizer);
/// Each question with its answer: the references, in order, a blank before each. A pure function of
/// the arguments. Throws InvalidArgument as the suite, and for a model without a tokenizer (null).
std::vector<CalibrationText> calibration_set(const CalibrationRequest& request,
                                             const Tokenizer* tokenizer);

}  // namespace dsabench
