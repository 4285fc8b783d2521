#include "results/report/plain_text.h"

#include "tests/support/catch.h"

namespace dsabench::test {
namespace {

using report::CodePoint;
using report::decode_utf8;

std::string encode(std::uint32_t c) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xc0 | c >> 6), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xe0 | c >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | c >> 18), tail(12), tail(6), tail(0)};
}

TEST_CASE("every code point is read, and surrogates are none") {
  std::int64_t num_wrong = 0;
  for (std::uint32_t c = 0; c < 0x110000; ++c) {
    const std::string bytes = encode(c);
    const CodePoint point = decode_utf8(bytes + "x");
    const bool surrogate = c >= 0xd800 && c < 0xe000;
    const bool right =
        surrogate ? point.bytes == 0 : point.bytes == bytes.size() && point.value == c;
    num_wrong += right ? 0 : 1;
  }
  CHECK(num_wrong == 0);
}

TEST_CASE("what is no UTF-8 has no length") {
  for (const std::string text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x80\x80", "\xe0\x9f\xbf",
        "\xe2\x82", "\xe2(\xa1", "\xe2\x82(", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
        "\xf0\x9f\x98", "\xf0\x9f\x98(", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    CAPTURE(text);
    CHECK(decode_utf8(text).bytes == 0);
    CHECK(decode_utf8(text + "x").bytes == 0);
    CHECK_FALSE(report::is_clean(text));
  }
}

TEST_CASE("what reorders or rules a terminal is unsafe") {
  const auto unsafe = [](std::uint32_t c) { return report::is_unsafe(c); };
  for (const std::uint32_t c : {0x00, 0x07, 0x08, 0x1b, 0x1f, 0x7f, 0x80, 0x9b, 0x9f, 0x061c,
                                0x200e, 0x200f, 0x202a, 0x202e, 0x2066, 0x2069}) {
    CAPTURE(c);
    CHECK(unsafe(c));
  }
  for (const std::uint32_t c : {0x09, 0x0a, 0x0d, 0x20, 0x7e, 0x85, 0xa0, 0x061b, 0x061d, 0x200d,
                                0x2010, 0x2029, 0x202f, 0x2065, 0x206a, 0x1f600}) {
    CAPTURE(c);
    CHECK_FALSE(unsafe(c));
  }
}

TEST_CASE("XML never holds what it may not") {
  CHECK(report::escape_xml("a&b<c>\"d'") == "a&#38;b&#60;c&#62;&#34;d&#39;");
  CHECK(report::escape_xml(encode(0xfffe) + encode(0xffff) + encode(0xfffd)) ==
        encode(0xfffd) + encode(0xfffd) + encode(0xfffd));
  CHECK(report::escape_xml("\v\f\x1b") == "  " + encode(0xfffd));
}

}  // namespace
}  // namespace dsabench::test
