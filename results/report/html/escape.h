#pragma once
/// Foreign text inside a page. Private to results/.
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace dsabench::report {

/// Text of an element or an attribute; control characters and what is not UTF-8 become U+FFFD.
std::string escape_html(std::string_view text);

/// JSON in ASCII that no parser of HTML takes for a tag or a comment: '<', '>' and '&' are escapes
/// as well. What is not UTF-8 becomes U+FFFD.
std::string script_json(const nlohmann::json& value);

/// "sha256-...", as a content security policy names a script or style by its SHA-256, given in hex.
std::string content_security_hash(std::string_view sha256_hex);

}  // namespace dsabench::report
