#pragma once
#include <memory>

#include "suites/suite.h"

namespace dsabench {

/// Six tasks after RULER (niah_single_1, niah_multikey_2, niah_multikey_3, vt, cwe, fwe), generated
/// from this suite's own sentences and words; scores are not comparable with published RULER ones.
///
/// - Length: the largest haystack with counter(prompt + answer_prefix) + max_new_tokens <=
///   context_tokens. max_new_tokens is RULER's budget, or what a full right answer takes under the
///   counter plus 16 where that is more (byte tokenizers).
/// - An item is made from (seed, task, index) alone: at another context it asks the same question,
///   in a shorter or longer haystack, so that contexts can be compared item by item.
/// - cwe lists its common words 30 times and the others 3 times where the context is at least 5/4
/// of
///   what a list with ten others takes, else 6 times and once, with a shorter worked example.
/// - samples() throws InvalidArgument without a counter, and where a context is too small or too
///   large for a task.
std::unique_ptr<Suite> make_ruler_synth_suite();

}  // namespace dsabench
