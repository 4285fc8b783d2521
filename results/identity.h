#pragma once
#include <string>
#include <string_view>

namespace dsabench {

/// XXH3-128 of the bytes, 32 lower-case hex digits. Identity, not security.
std::string content_hash(std::string_view bytes);

/// A new UUIDv7 (RFC 9562): milliseconds of the clock, then random bits.
std::string new_run_id();

}  // namespace dsabench
