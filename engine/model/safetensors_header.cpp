#include "engine/model/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "engine/model/strict_json.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

using nlohmann::json;

struct FormatType {
  std::string_view name;
  std::int64_t bits;
  std::optional<DType> dtype;
};

/// Every type of the format, with those that dsabench computes with.
constexpr FormatType kFormatTypes[] = {
    {"F32", 32, DType::f32},        {"BF16", 16, DType::bf16},      {"F16", 16, DType::f16},
    {"F8_E4M3", 8, DType::f8_e4m3}, {"F8_E8M0", 8, DType::f8_e8m0}, {"I16", 16, DType::i16},
    {"I32", 32, DType::i32},        {"I64", 64, DType::i64},        {"U8", 8, DType::u8},
    {"BOOL", 8, std::nullopt},      {"F4", 4, std::nullopt},        {"F6_E2M3", 6, std::nullopt},
    {"F6_E3M2", 6, std::nullopt},   {"F8_E5M2", 8, std::nullopt},   {"I8", 8, std::nullopt},
    {"U16", 16, std::nullopt},      {"U32", 32, std::nullopt},      {"U64", 64, std::nullopt},
    {"F64", 64, std::nullopt},      {"C64", 64, std::nullopt},
};

/// Reads one header's tensors; keeps the file's name for messages.
class EntryReader {
 public:
  explicit EntryReader(const std::string& file) : file_(file) {}

  SafetensorsEntry read(const std::string& tensor, const json& object) const {
    if (!object.is_object()) fail(tensor, "must be an object", object);
    SafetensorsEntry entry;
    const json& dtype = member(tensor, object, "dtype");
    if (!dtype.is_string()) fail(tensor, "dtype must be a string", dtype);
    entry.dtype_name = dtype.get<std::string>();
    for (const json& dim : list(tensor, object, "shape")) {
      entry.shape.push_back(natural(tensor, "shape", dim));
    }
    const json& offsets = list(tensor, object, "data_offsets");
    if (offsets.size() != 2) fail(tensor, "data_offsets must be two integers", offsets);
    entry.begin = natural(tensor, "data_offsets", offsets[0]);
    entry.end = natural(tensor, "data_offsets", offsets[1]);
    if (entry.begin > entry.end) fail(tensor, "data_offsets must not decrease", offsets);
    check_size(tensor, entry);
    return entry;
  }

 private:
  [[noreturn]] void fail(const std::string& tensor, std::string_view what,
                         const json& found) const {
    throw ParseError(file_, fmt::format("tensor {}: {}, got {}", json_excerpt(tensor), what,
                                        json_excerpt(found)));
  }
  const json& member(const std::string& tensor, const json& object, const char* key) const {
    const auto at = object.find(key);
    if (at == object.end()) fail(tensor, fmt::format("must have {}", key), object);
    return *at;
  }
  const json& list(const std::string& tensor, const json& object, const char* key) const {
    const json& value = member(tensor, object, key);
    if (!value.is_array()) fail(tensor, fmt::format("{} must be a list", key), value);
    return value;
  }
  std::int64_t natural(const std::string& tensor, const char* key, const json& value) const {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::uint64_t(INT64_MAX)) {
      fail(tensor, fmt::format("{} must hold integers of 0 to 2^63 - 1", key), value);
    }
    return value.get<std::int64_t>();
  }

  /// The shape must not overflow even without its zeros: strides are products of dimensions too.
  void check_size(const std::string& tensor, SafetensorsEntry& entry) const {
    std::int64_t elements = 1;
    bool has_zero = false, fits = true;
    for (const std::int64_t dim : entry.shape) {
      has_zero = has_zero || dim == 0;
      if (dim != 0) fits = fits && !__builtin_mul_overflow(elements, dim, &elements);
    }
    const auto* type =
        std::find_if(std::begin(kFormatTypes), std::end(kFormatTypes),
                     [&](const FormatType& known) { return known.name == entry.dtype_name; });
    const bool known = type != std::end(kFormatTypes);
    std::int64_t bits = 0;
    fits = fits && !__builtin_mul_overflow(elements, known ? type->bits : 8, &bits);
    if (!fits) fail(tensor, "shape must hold fewer than 2^63 bits", entry.shape);
    if (!known) return;  // kept by name; its size cannot be checked
    entry.dtype = type->dtype;
    if (has_zero) bits = 0;
    if (bits % 8 != 0 || bits / 8 != entry.end - entry.begin) {
      fail(tensor,
           fmt::format("data_offsets must span the {} bits of {} [{}]", bits, entry.dtype_name,
                       fmt::join(entry.shape, ", ")),
           {entry.begin, entry.end});
    }
  }

  const std::string& file_;
};

std::int64_t read_header_length(std::string_view file, const std::string& name) {
  constexpr std::size_t kPrefix = 8;
  if (file.size() < kPrefix) {
    throw ParseError(name,
                     fmt::format("a safetensors file has at least 8 bytes, got {}", file.size()));
  }
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kPrefix; ++i) {  // little-endian whatever the host
    length |= std::uint64_t{static_cast<unsigned char>(file[i])} << (8 * i);
  }
  if (length > std::uint64_t(kMaxSafetensorsHeader)) {
    throw ParseError(name, fmt::format("header length must be at most {} bytes, got {}",
                                       kMaxSafetensorsHeader, length));
  }
  if (length > file.size() - kPrefix) {
    throw ParseError(name, fmt::format("header length must fit the file's {} bytes, got {}",
                                       file.size(), length));
  }
  return static_cast<std::int64_t>(length);
}

/// The tensors must tile the data: sorted by offset, each begins where the one before ends.
void check_tiling(const SafetensorsHeader& header, const std::string& name) {
  std::vector<std::pair<const std::string*, const SafetensorsEntry*>> order;
  for (const auto& [tensor, entry] : header.tensors) order.emplace_back(&tensor, &entry);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
  });
  std::int64_t expected = 0;
  for (const auto& [tensor, entry] : order) {
    if (entry->begin != expected) {
      throw ParseError(
          name,
          fmt::format("tensor {}: data must begin at byte {} ({}), got {}", json_excerpt(*tensor),
                      expected, entry->begin < expected ? "overlap" : "hole", entry->begin));
    }
    expected = entry->end;
  }
  if (expected != header.data_bytes) {
    throw ParseError(name, fmt::format("tensors must cover the {} bytes of data, got {}",
                                       header.data_bytes, expected));
  }
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view file, const std::string& name) {
  const std::int64_t length = read_header_length(file, name);
  const std::string_view text = file.substr(8, std::size_t(length));
  if (!text.starts_with('{')) throw ParseError(name, "header must start with '{'");
  const json root = parse_strict_json(text, name);

  SafetensorsHeader header;
  header.data_begin = 8 + length;
  const EntryReader reader(name);
  for (const auto& [key, value] : root.items()) {
    if (key != "__metadata__") {
      header.tensors.emplace(key, reader.read(key, value));
      continue;
    }
    if (!value.is_object()) throw ParseError(name, "__metadata__ must be an object");
    for (const auto& [field, text_value] : value.items()) {
      if (!text_value.is_string()) {
        throw ParseError(
            name, fmt::format("__metadata__ must hold strings, got {}", json_excerpt(text_value)));
      }
      header.metadata.emplace(field, text_value.get<std::string>());
    }
  }
  header.data_bytes = std::int64_t(file.size()) - header.data_begin;
  check_tiling(header, name);
  return header;
}

std::string_view safetensors_dtype_name(DType dtype) {
  const auto* type = std::find_if(std::begin(kFormatTypes), std::end(kFormatTypes),
                                  [&](const FormatType& known) { return known.dtype == dtype; });
  return type->name;
}

}  // namespace dsabench
