#pragma once
#include <cstdint>
#include <string>

#include "suites/sample.h"

namespace dsabench::test {

/// FNV-1a, 64 bits, of all that a sample asks and expects.
inline std::uint64_t sample_hash(const Sample& sample) {
  std::string text = sample.prompt + '\1' + sample.answer_prefix;
  for (const std::string& reference : sample.references) text += '\1' + reference;
  std::uint64_t value = 0xcbf29ce484222325;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return value;
}

}  // namespace dsabench::test
