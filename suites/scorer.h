#pragma once
#include <string>
#include <string_view>

#include "suites/sample.h"

namespace dsabench {

/// A pure function from a sample and an answer to a score in [0, 1]. Thread-safe.
class Scorer {
 public:
  virtual ~Scorer() = default;
  virtual std::string name() const = 0;  ///< with version: "ruler_string_match_all/1"
  virtual double score(const Sample& sample, std::string_view answer) const = 0;
};

}  // namespace dsabench
