#pragma once
#include <cstddef>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace dsabench {

/// A foreign JSON document in which messages can point at the place a person sees in an editor.
class LocatedJson {
 public:
  /// `file` names the document. Throws ParseError, "file:line:column: ...", for malformed text, a
  /// key given twice in one object, and nesting beyond kMaxJsonDepth.
  LocatedJson(std::string file, std::string_view text);
  ~LocatedJson();
  LocatedJson(LocatedJson&&) noexcept;

  const nlohmann::json& root() const { return *root_; }
  /// "file:3:17: /sweeps/0/context/1" for the value under a JSON pointer (RFC 6901); the file alone
  /// where there is none. Columns count bytes, from 1.
  std::string where(const std::string& pointer) const;

 private:
  std::string file_, text_;
  std::unique_ptr<nlohmann::json> root_;
  std::map<std::string, std::size_t> offsets_;  ///< of values, by pointer
};

/// A key as a step of a JSON pointer, with its slash.
std::string pointer_step(std::string_view key);

}  // namespace dsabench
