#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/target/model_source.h"
#include "results/report/table.h"

namespace dsabench {

/// What `verify` found: a checkpoint against the reference outputs of a public implementation.
struct GoldenReport {
  std::string model;
  /// Over the one-shot prefill; empty where the folder has no logits, infinite where ours are not
  /// finite.
  std::optional<double> max_abs_logit_diff;
  std::optional<double> max_abs_decode_logit_diff;  ///< shown, not judged
  std::int64_t topk_rows_checked = 0;               ///< layers x positions
  std::int64_t topk_rows_mismatched =
      0;  ///< sets differ and the recorded margin is above the tolerance
  std::int64_t topk_rows_excused = 0;       ///< sets differ below it
  std::optional<bool> decode_tokens_equal;  ///< teacher-forced argmaxes; empty where there are none
  /// Of the reference's picks, the share that ours has too, over all rows; of its tokens, the share
  /// that is our argmax.
  std::optional<double> topk_recall, token_agreement;
  /// False for a path in bf16, whose distance from an f32 reference is reported and not judged: it
  /// passes where every logit is finite.
  bool judged = true;
  bool pass = false;
  std::vector<std::string> skipped;  ///< tensors that the folder lacks
  std::vector<std::string> remarks;  ///< weights not finite, mismatches, what is not judged
};

/// Runs every prompt of the folder through an engine of this model under the conventions that
/// golden.json names: one-shot prefill, then its greedy tokens fed one by one. Passes where logits
/// agree within 2e-4, index sets wherever the recorded margin is above 5e-5, and every argmax does;
/// a decode step after a selection margin below 5e-5 is listed and not judged. Weights that are not
/// finite are named, and fail. A path in bf16 is only compared. Throws IoError, ParseError or
/// InvalidArgument where the reference is unusable or does not fit the model.
GoldenReport check_against_golden(const LoadedModel& model, const std::string& golden_directory,
                                  Dialect dialect);
std::string golden_report_json(const GoldenReport& report);
Table golden_report_list(const GoldenReport& report);  ///< one row per check, for people
Table golden_report_row(const GoldenReport& report);   ///< one row, for data formats

}  // namespace dsabench
