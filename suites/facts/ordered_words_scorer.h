#pragma once
#include "suites/scorer.h"

namespace dsabench {

/// An answer is its words up to the first full stop, semicolon or end of line behind a word: runs
/// of letters and digits, ASCII case ignored, "and" left out. With one reference the score is 1
/// where the words are the reference and nothing else, else 0. With several it is the share of
/// places that hold their reference, of the references or the words, whichever are more: 1 exactly
/// where the answer is right. Throws InvalidArgument where a sample has no reference.
class OrderedWordsScorer final : public Scorer {
 public:
  std::string name() const override { return "ordered_words/1"; }
  double score(const Sample& sample, std::string_view answer) const override;
};

}  // namespace dsabench
