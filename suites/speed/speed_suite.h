#pragma once
#include <memory>

#include "suites/suite.h"

namespace dsabench {

/// Prompts of exactly `context_tokens` token ids; the tokens to generate follow the prompt, so that
/// prompt + output = context + decode tokens. One sample per sequence of a batch.
///
/// Ids are drawn with P(rank r) ~ 1/r, rounded to steps at powers of two, so that routers see the
/// skew of text. Which id has which rank depends on the vocabulary size alone: frequent tokens are
/// the same in every prompt, as in text.
std::unique_ptr<Suite> make_speed_suite();

}  // namespace dsabench
