#pragma once
#include <memory>
#include <string>

#include "engine/text/tokenizer.h"

namespace dsabench {

/// The tokenizer of a checkpoint's tokenizer.json, or null where its model is of a type that this
/// build does not read (all but WordLevel). Throws IoError where the file cannot be read,
/// ParseError and InvalidArgument as WordLevelTokenizer::from_json().
std::shared_ptr<const Tokenizer> load_tokenizer(const std::string& path);
/// The same of the file's text; `origin` names it in messages.
std::shared_ptr<const Tokenizer> read_tokenizer(const std::string& text, const std::string& origin);

}  // namespace dsabench
