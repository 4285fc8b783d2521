#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "suites/facts/vocabulary.h"

namespace dsabench::facts {

/// How a problem is written down. A prompt is opening(), statements, filling, question(); what a
/// model goes on with follows answer_prefix(). Thread-safe.
class Renderer {
 public:
  virtual ~Renderer() = default;
  virtual std::string_view opening() const = 0;
  /// Appends the statement and what parts it from the next.
  virtual void append(const Words& statement, std::string& text) const = 0;
  /// Text of no meaning to put before the question until a length is reached, the longest first.
  virtual std::span<const std::string> fillings() const = 0;
  virtual std::string question(std::string_view task, const Words& question) const = 0;
  virtual std::string answer_prefix(std::string_view task, const Words& question) const = 0;
  /// A full right answer.
  virtual std::string answer(const Words& answer) const = 0;
};

/// The closed vocabulary, word by word: what the built-in model reads. Splitting at white space
/// gives the words back.
std::unique_ptr<Renderer> make_compact_renderer();
/// English sentences, from text/suite.json.
std::unique_ptr<Renderer> make_text_renderer(const nlohmann::json& suite);

}  // namespace dsabench::facts
