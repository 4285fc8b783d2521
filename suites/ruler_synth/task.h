#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "suites/counter_random.h"
#include "suites/length_fit.h"

namespace dsabench::ruler_synth {

/// One prompt at one haystack size.
struct Draft {
  std::string prompt;
  std::string answer_prefix;
  std::vector<std::string> references;
  std::string answer;  ///< a full right answer as it would be written after the prefix
};

struct DraftRequest {
  CounterRandom random;  ///< of the item
  std::int64_t units = 1;
  std::int64_t level = 0;
  std::int64_t context_tokens = 0;
};

/// One RULER task. What is asked and answered depends on `random` (and the level) alone, so that an
/// item asks the same at every context and only its haystack grows. Thread-safe.
class Task {
 public:
  virtual ~Task() = default;
  /// Settings of the task from hardest to smallest; the suite takes the first that the context
  /// allows.
  virtual std::int64_t num_levels() const { return 1; }
  virtual UnitRange units() const = 0;
  virtual Draft draft(const DraftRequest& request) const = 0;
};

/// From a task's entry in suite.json. `noise`: the suite's filler sentences.
std::unique_ptr<Task> make_needle_task(const nlohmann::json& task,
                                       const std::vector<std::string>& noise);
std::unique_ptr<Task> make_variable_tracking_task(const nlohmann::json& task,
                                                  const std::vector<std::string>& noise);
std::unique_ptr<Task> make_common_words_task(const nlohmann::json& task);
std::unique_ptr<Task> make_frequent_words_task(const nlohmann::json& task);

}  // namespace dsabench::ruler_synth
