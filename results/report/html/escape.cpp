#include "results/report/html/escape.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "kernels/base/error.h"
#include "results/report/plain_text.h"

namespace dsabench::report {
namespace {

std::vector<unsigned char> bytes_of(std::string_view hex) {
  std::vector<unsigned char> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned char byte = 0;
    const auto [end, error] = std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    if (error != std::errc{} || end != hex.data() + i + 2) break;
    bytes.push_back(byte);
  }
  return bytes;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for_each_safe(text, [&out](std::uint32_t value, std::string_view bytes) {
    switch (value) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += bytes;
    }
  });
  return out;
}

std::string script_json(const nlohmann::json& value) {
  const std::string plain = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  std::string out;
  out.reserve(plain.size());
  for (const char c : plain) {  // only texts have these
    if (c == '<') {
      out += "\\u003c";
    } else if (c == '>') {
      out += "\\u003e";
    } else if (c == '&') {
      out += "\\u0026";
    } else {
      out += c;
    }
  }
  return out;
}

std::string content_security_hash(std::string_view sha256_hex) {
  constexpr std::size_t kBytes = 32;
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<unsigned char> bytes = bytes_of(sha256_hex);
  if (bytes.size() != kBytes || sha256_hex.size() != 2 * kBytes) {
    throw InvalidArgument("not a SHA-256 in hex: " + std::string(sha256_hex));
  }
  bytes.push_back(0);  // 33 bytes are 11 groups of three; the last digit is padding
  std::string text = "sha256-";
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const unsigned group = unsigned{bytes[i]} << 16 | unsigned{bytes[i + 1]} << 8 | bytes[i + 2];
    for (const int shift : {18, 12, 6, 0}) text += kDigits[group >> shift & 63];
  }
  text.back() = '=';
  return text;
}

}  // namespace dsabench::report
