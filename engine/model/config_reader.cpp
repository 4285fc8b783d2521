#include "engine/model/config_reader.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/model/strict_json.h"
#include "kernels/base/error.h"

namespace dsabench {

using nlohmann::json;

ConfigReader::ConfigReader(const json& object, std::string origin, std::string prefix)
    : object_(&object), origin_(std::move(origin)), prefix_(std::move(prefix)) {}

const json* ConfigReader::find(std::string_view key) {
  asked_.emplace(key);
  const auto at = object_->find(std::string(key));
  return at == object_->end() || at->is_null() ? nullptr : &*at;
}

bool ConfigReader::has(std::string_view key) { return find(key) != nullptr; }

bool ConfigReader::is_null(std::string_view key) const {
  const auto at = object_->find(std::string(key));
  return at != object_->end() && at->is_null();
}

void ConfigReader::fail(std::string_view key, const std::string& expected) const {
  const auto at = object_->find(std::string(key));
  const std::string found = at == object_->end() ? "nothing" : json_excerpt(*at);
  throw InvalidArgument(
      fmt::format("{}: {}{} must be {}, got {}", origin_, prefix_, key, expected, found));
}

std::int64_t ConfigReader::to_integer(std::string_view key, const json& value, std::int64_t min,
                                      std::int64_t max) const {
  const bool fits_signed =
      value.is_number_integer() &&
      (!value.is_number_unsigned() ||
       value.get<std::uint64_t>() <= std::uint64_t(std::numeric_limits<std::int64_t>::max()));
  if (!fits_signed || value.get<std::int64_t>() < min || value.get<std::int64_t>() > max) {
    fail(key, fmt::format("an integer from {} to {}", min, max));
  }
  return value.get<std::int64_t>();
}

std::optional<std::int64_t> ConfigReader::integer(std::string_view key, std::int64_t min,
                                                  std::int64_t max) {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  return to_integer(key, *value, min, max);
}

std::int64_t ConfigReader::required_integer(std::string_view key, std::int64_t min,
                                            std::int64_t max) {
  const auto value = integer(key, min, max);
  if (!value) fail(key, fmt::format("an integer from {} to {}", min, max));
  return *value;
}

std::optional<double> ConfigReader::number(std::string_view key) {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) fail(key, "a number");
  return value->get<double>();
}

std::optional<bool> ConfigReader::boolean(std::string_view key) {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) fail(key, "true or false");
  return value->get<bool>();
}

std::optional<std::string> ConfigReader::string(std::string_view key) {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) fail(key, "a string");
  return value->get<std::string>();
}

std::optional<std::vector<std::string>> ConfigReader::strings(std::string_view key) {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array()) fail(key, "a list of strings");
  std::vector<std::string> list;
  for (const json& entry : *value) {
    if (!entry.is_string()) fail(key, "a list of strings");
    list.push_back(entry.get<std::string>());
  }
  return list;
}

std::vector<std::int64_t> ConfigReader::integers(std::string_view key, std::int64_t min,
                                                 std::int64_t max) {
  const json* value = find(key);
  if (value == nullptr) return {};
  if (!value->is_array()) return {to_integer(key, *value, min, max)};
  std::vector<std::int64_t> list;
  for (const json& entry : *value) list.push_back(to_integer(key, entry, min, max));
  return list;
}

bool ConfigReader::is_string(std::string_view key) {
  const json* value = find(key);
  return value != nullptr && value->is_string();
}

bool ConfigReader::is_object(std::string_view key) const {
  const auto at = object_->find(std::string(key));
  return at != object_->end() && at->is_object();
}

std::optional<ConfigReader> ConfigReader::object(std::string_view key) {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) fail(key, "an object");
  return ConfigReader(*value, origin_, prefix_ + std::string(key) + ".");
}

std::vector<std::string> ConfigReader::unknown_keys() const {
  std::vector<std::string> unknown;
  for (const auto& [key, value] : object_->items()) {
    if (!value.is_null() && !asked_.contains(key)) unknown.push_back(key);
  }
  return unknown;
}

}  // namespace dsabench
