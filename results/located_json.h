#pragma once
#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace dsabench {

/// A foreign JSON document in which messages can point at the place a person sees in an editor. It
/// takes memory in proportion to the text, and finding a place does not read the text again.
class LocatedJson {
 public:
  /// Deepest nesting that a document may have.
  static constexpr int kMaxDepth = 64;

  /// `file` names the document. Throws ParseError, "file:line:column: ...", for malformed text, a
  /// key given twice in one object, and nesting beyond kMaxDepth.
  LocatedJson(std::string file, std::string_view text);
  ~LocatedJson();
  LocatedJson(LocatedJson&&) noexcept;

  const nlohmann::json& root() const { return *root_; }
  /// "file:3:17: /sweeps/0/context/1" for the value under a JSON pointer (RFC 6901); the file alone
  /// where there is none. Columns count bytes, from 1.
  std::string where(const std::string& pointer) const;
  /// A value as messages show it: compact, at most 60 characters.
  static std::string excerpt(const nlohmann::json& value);

 private:
  struct Place;       ///< of a value, with the places of the values in it
  class PlaceFinder;  ///< notes them while the text is parsed

  std::string file_;
  std::vector<std::size_t> line_begins_;
  std::unique_ptr<nlohmann::json> root_;
  std::unique_ptr<Place> places_;
};

/// A key as a step of a JSON pointer, with its slash.
std::string pointer_step(std::string_view key);

}  // namespace dsabench
