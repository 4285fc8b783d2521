#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dsabench {

/// Largest size that a config may name: indices into tensors stay within 32 bits per dimension.
inline constexpr std::int64_t kMaxConfigSize = std::numeric_limits<std::int32_t>::max();

/// Typed access to the keys of one JSON object of a config. A key that is null counts as absent.
/// Every function throws InvalidArgument that names the file, the key, what was expected and what
/// was found. Remembers the keys asked for, so that the rest can be reported. The JSON object must
/// outlive the reader.
class ConfigReader {
 public:
  /// `prefix` is put before keys in messages: "rope_parameters.".
  ConfigReader(const nlohmann::json& object, std::string origin, std::string prefix = "");

  bool has(std::string_view key);
  /// Present, but null.
  bool is_null(std::string_view key) const;

  std::optional<std::int64_t> integer(std::string_view key, std::int64_t min, std::int64_t max);
  std::int64_t required_integer(std::string_view key, std::int64_t min, std::int64_t max);
  /// A required size: an integer of 1 to kMaxConfigSize.
  std::int64_t size(std::string_view key) { return required_integer(key, 1, kMaxConfigSize); }
  /// A number; JSON has no infinities or NaN.
  std::optional<double> number(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::string> string(std::string_view key);
  /// A list of strings.
  std::optional<std::vector<std::string>> strings(std::string_view key);
  /// An integer or a list of integers.
  std::vector<std::int64_t> integers(std::string_view key, std::int64_t min, std::int64_t max);
  bool is_string(std::string_view key);
  bool is_object(std::string_view key) const;
  /// The object under `key`, or nothing.
  std::optional<ConfigReader> object(std::string_view key);

  /// Throws InvalidArgument for `key`: "<file>: <key> must be <expected>, got <value>".
  [[noreturn]] void fail(std::string_view key, const std::string& expected) const;
  /// Marks a key as known though it is not read.
  void ignore(std::string_view key) { asked_.emplace(key); }
  /// Keys of the object, null aside, that were neither asked for nor ignored, sorted.
  std::vector<std::string> unknown_keys() const;
  const std::string& prefix() const { return prefix_; }
  const std::string& origin() const { return origin_; }

 private:
  const nlohmann::json* find(std::string_view key);
  std::int64_t to_integer(std::string_view key, const nlohmann::json& value, std::int64_t min,
                          std::int64_t max) const;

  const nlohmann::json* object_;
  std::string origin_;
  std::string prefix_;
  std::set<std::string, std::less<>> asked_;
};

}  // namespace dsabench
