#pragma once
#include <memory>

#include "suites/facts/split.h"
#include "suites/suite.h"

namespace dsabench::facts {

enum class Rendering {
  compact,  ///< "facts-compact": a closed vocabulary, what the built-in model reads
  text      ///< "facts": English sentences
};

/// Questions about stated facts: retrieval (kv, kv_multi_key, kv_multi_value, kv_multi_query,
/// chain_1 to chain_3, common, graph_bfs, graph_parent, ith, multi_doc) and reasoning (modular,
/// boolean, sort, instruct).
///
/// - An item is made from (seed, split, task, index) alone. Both renderings pose the same problem,
///   with the same references, and so does every context: only the notes among the facts, which
///   mean nothing, grow in number.
/// - Length: counter(prompt + answer_prefix) + max_new_tokens == context_tokens where the counter
///   counts one token for a further dot, never more. max_new_tokens is what a full right answer
///   takes, plus suite.json's answer_slack_tokens.
/// - Which problems a split has is decided by what they state (suites/facts/split.h); the suites of
///   the registry ask those of the test split.
std::unique_ptr<Suite> make_facts_suite(Rendering rendering, Split split = Split::test);

}  // namespace dsabench::facts
