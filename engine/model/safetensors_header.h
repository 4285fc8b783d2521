#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/dtype.h"

namespace dsabench {

/// Longest JSON header accepted, as in the format's reference implementation.
inline constexpr std::int64_t kMaxSafetensorsHeader = 100'000'000;

struct SafetensorsEntry {
  std::string dtype_name;      ///< as the file spells it: "BF16"
  std::optional<DType> dtype;  ///< empty where dsabench has no such type
  std::vector<std::int64_t> shape;
  std::int64_t begin = 0, end = 0;  ///< bytes, counted from the end of the header
};

struct SafetensorsHeader {
  std::int64_t data_begin = 0;  ///< bytes before the tensors' data: 8 + the header's length
  std::int64_t data_bytes = 0;
  std::map<std::string, SafetensorsEntry, std::less<>> tensors;
  std::map<std::string, std::string, std::less<>> metadata;
};

/// Reads and checks the header of a whole .safetensors file. `name` names it in messages. Throws
/// ParseError for anything that the format forbids: see SafetensorsFile.
SafetensorsHeader parse_safetensors_header(std::string_view file, const std::string& name);

/// The format's name of a type.
std::string_view safetensors_dtype_name(DType dtype);

}  // namespace dsabench
