#include "results/report/fields.h"

#include <cctype>

namespace dsabench::report {

std::string column_key(const std::string& name) {
  std::string key;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) {
      key += static_cast<char>(std::tolower(byte));
    } else if (key.empty() || key.back() != '_') {
      key += '_';
    }
  }
  return key;
}

}  // namespace dsabench::report
