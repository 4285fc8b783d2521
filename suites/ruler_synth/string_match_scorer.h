#pragma once
#include "suites/scorer.h"

namespace dsabench {

/// RULER's string_match_all: control characters become newlines, the answer is trimmed, and the
/// score is the fraction of references that it contains, ASCII case ignored.
/// Throws InvalidArgument where a sample has no reference or an empty one, which every answer would
/// contain.
class StringMatchScorer final : public Scorer {
 public:
  std::string name() const override { return "ruler_string_match_all/1"; }
  double score(const Sample& sample, std::string_view answer) const override;
};

}  // namespace dsabench
