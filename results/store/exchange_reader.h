#pragma once
/// The lines of an export, checked one by one against the format, not yet against the schema.
/// Private to results/.
#include <SQLiteCpp/SQLiteCpp.h>

#include <array>
#include <cstdint>
#include <istream>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dsabench::store {

inline constexpr const char* kExchangeFormat = "dsabench-results";
inline constexpr int kExchangeVersion = 1;

/// Every table, those referred to first.
inline constexpr std::array<const char*, 26> kExchangeTables = {
    "run",           "cell",           "continuation",
    "ceiling",       "planned_cell",   "running_trial",
    "trial",         "metric",         "sample",
    "stage_time",    "device_sample",  "layer_runs",
    "output",        "answer",         "profile",
    "profile_value", "profile_stage",  "profile_kernel",
    "search",        "search_flip",    "search_pattern",
    "comparison",    "comparison_arm", "comparison_sample",
    "baseline",      "baseline_run"};

using ExchangeValue = std::variant<std::int64_t, double, std::string>;
using RowCounts = std::map<std::string, std::int64_t>;

struct ExchangeRow {
  std::string table;
  std::vector<std::pair<std::string, ExchangeValue>> columns;
};

class ExchangeReader {
 public:
  /// Reads the header. The stream must outlive the reader; `source` names it in messages. Throws
  /// ParseError with the line, as do all methods.
  ExchangeReader(std::istream& in, std::string source);

  int schema_version() const { return schema_version_; }
  /// False at the end, where the counts of header, trailer and rows agree and nothing follows.
  bool next(ExchangeRow& row);
  [[noreturn]] void fail(const std::string& message) const;

 private:
  nlohmann::json read_object();
  RowCounts counts_of(const nlohmann::json& object) const;
  ExchangeValue value_of(const std::string& key, const nlohmann::json& value) const;
  void check_end(const nlohmann::json& trailer);

  std::istream& in_;
  std::string source_;
  std::int64_t line_ = 0;
  int schema_version_ = 0;
  RowCounts announced_, seen_;
};

/// Fills an empty database that has no schema yet: makes the schema of the export, inserts all its
/// rows under the schema's constraints, and migrates. Returns the number of rows. Throws ParseError
/// with the line, and StoreError for a schema that is newer than this build's.
std::int64_t read_into(SQLite::Database& scratch, ExchangeReader& reader);

}  // namespace dsabench::store
