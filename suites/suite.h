#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "suites/sample.h"
#include "suites/scorer.h"

namespace dsabench {

/// Counts tokens of text for length fitting. Suites declare it, whoever has a tokenizer implements
/// it.
class TokenCounter {
 public:
  virtual ~TokenCounter() = default;
  virtual std::int64_t count(std::string_view text) const = 0;
};

struct SuiteRequest {
  /// Quality: prompt and answer fit in this many tokens. Speed: the prompt has exactly this many,
  /// and the tokens to generate follow it.
  std::int64_t context_tokens = 0;
  std::int64_t samples_per_task = 1;
  std::uint64_t seed = 0;
  std::int64_t vocab_size = 0;  ///< of the model, for suites that make token ids
  std::int64_t decode_tokens =
      0;  ///< speed: tokens to generate after the prompt; 0: the suite's own
  std::vector<std::string> tasks;         ///< empty: all
  const TokenCounter* counter = nullptr;  ///< null where the model has no tokenizer
};

/// A versioned data file plus a generator or loader plus a scorer. Thread-safe. Never sees a model.
class Suite {
 public:
  enum class Kind { speed, quality };
  virtual ~Suite() = default;
  virtual std::string name() const = 0;
  virtual std::string version()
      const = 0;  ///< of data, generator and scorer together; part of identity
  virtual std::string description() const = 0;
  virtual Kind kind() const = 0;
  virtual std::vector<std::string> tasks() const = 0;
  /// Whether text, and so a TokenCounter, is needed.
  virtual bool needs_text() const = 0;
  /// Throws InvalidArgument where samples() would: the context is too small for a task (names the
  /// smallest), a task is unknown. Cheap: makes no prompt longer than it must be.
  virtual void check(const SuiteRequest& request) const = 0;
  /// Deterministic in the request. Throws as check().
  virtual std::vector<Sample> samples(const SuiteRequest& request) const = 0;
  /// Null for speed suites.
  virtual const Scorer* scorer() const = 0;
};

/// Every suite of this build, by name order.
std::span<const std::unique_ptr<Suite>> all_suites();
/// Throws InvalidArgument listing the names.
const Suite& find_suite(std::string_view name);

}  // namespace dsabench
