#include <fmt/format.h>
#include <sqlite3.h>

#include <cmath>
#include <ostream>

#include "kernels/base/error.h"
#include "results/exchange.h"
#include "results/report/plain_text.h"
#include "results/store/connection.h"
#include "results/store/exchange_reader.h"
#include "results/store/migrations.h"
#include "results/store/store_error.h"

namespace dsabench {
namespace {

/// Rows come in this order, so that an export of the same content is the same text.
constexpr std::array<const char*, store::kExchangeTables.size()> kOrder = {
    "run_id",
    "cell_id",
    "run_id, position",
    "run_id, continuation, name",
    "run_id, position, cell_id",
    "run_id, cell_id",
    "trial_id",
    "metric_id",
    "metric_id, position",
    "trial_id, metric, sample, layer, stage",
    "trial_id, position",
    "trial_id, layer",
    "output_id",
    "trial_id, position",
    "run_id",
    "run_id, watched, position",
    "run_id, watched, sample, layer, stage",
    "run_id, layer, stage, name",
    "run_id",
    "run_id, calibration, method, step, position",
    "run_id, calibration, method, pattern",
    "comparison_id",
    "comparison_id, arm",
    "comparison_id, round, place",
    "baseline_id",
    "baseline_id, run_id"};

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = report::decode_utf8(text).bytes;
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

void append_text(std::string& line, std::string_view text) {
  if (!is_utf8(text)) {
    line += "{\"hex\":\"";
    for (const char c : text) line += fmt::format("{:02x}", static_cast<unsigned char>(c));
    line += "\"}";
    return;
  }
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      escaped += '\\';
      escaped += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      escaped += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      escaped += c;
    }
  }
  line += '"' + report::escape_json_controls(escaped) + '"';
}

void append_value(std::string& line, const SQLite::Column& column) {
  switch (column.getType()) {
    case SQLITE_INTEGER:
      fmt::format_to(std::back_inserter(line), "{}", column.getInt64());
      return;
    case SQLITE_FLOAT: {
      const double value = column.getDouble();
      if (std::isinf(value)) {
        line += value > 0 ? "{\"real\":\"inf\"}" : "{\"real\":\"-inf\"}";
      } else {
        const std::string digits = fmt::format("{}", value);
        line += digits;
        // "-0" would be read back as an integer.
        if (digits.find_first_of(".e") == std::string::npos) line += ".0";
      }
      return;
    }
    default: {
      const auto* text = static_cast<const char*>(column.getBlob());
      append_text(line, {text == nullptr ? "" : text, static_cast<std::size_t>(column.getBytes())});
    }
  }
}

class Exporter {
 public:
  Exporter(SQLite::Database& db, std::ostream& out) : db_(db), out_(out) {}

  std::int64_t run() {
    std::string counts;
    std::int64_t rows = 0;
    for (const char* table : store::kExchangeTables) {
      const auto count = db_.execAndGet(std::string("SELECT count(*) FROM ") + table).getInt64();
      counts += fmt::format("{}\"{}\":{}", counts.empty() ? "" : ",", table, count);
      rows += count;
    }
    buffer_ = fmt::format(
        "{{\"format\":\"{}\",\"format_version\":{},\"schema_version\":{},\"counts\":{{{}}}}}\n",
        store::kExchangeFormat, store::kExchangeVersion, store::all_migrations().size(), counts);
    for (std::size_t i = 0; i < store::kExchangeTables.size(); ++i) {
      write_table(store::kExchangeTables[i], kOrder[i]);
    }
    buffer_ += fmt::format("{{\"end\":true,\"counts\":{{{}}}}}\n", counts);
    flush();
    return rows;
  }

 private:
  void write_table(const std::string& table, const std::string& order) {
    SQLite::Statement query(db_, fmt::format("SELECT * FROM {} ORDER BY {}", table, order));
    const int width = query.getColumnCount();
    std::vector<std::string> keys;
    for (int i = 0; i < width; ++i) keys.push_back(fmt::format(",\"{}\":", query.getColumnName(i)));
    while (query.executeStep()) {
      buffer_ += "{\"table\":\"" + table + '"';
      for (int i = 0; i < width; ++i) {
        buffer_ += keys[static_cast<std::size_t>(i)];
        append_value(buffer_, query.getColumn(i));
      }
      buffer_ += "}\n";
      if (buffer_.size() >= kFlushBytes) flush();
    }
  }

  void flush() {
    out_.write(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    buffer_.clear();
    if (!out_.flush()) throw IoError("cannot write the export: the stream does not take it");
  }

  static constexpr std::size_t kFlushBytes = 1 << 18;
  SQLite::Database& db_;
  std::ostream& out_;
  std::string buffer_;
};

}  // namespace

std::int64_t export_database(const std::string& path, std::ostream& out) {
  return store::with_store_errors(path, "export the database", [&] {
    store::require_sqlite_version();
    SQLite::Database db = store::open_for_reading(path, store::kBusyTimeout);
    const store::FileIdentity identity = store::read_identity(db);
    store::require_dsabench(identity, path, false);
    const int current = static_cast<int>(store::all_migrations().size());
    if (identity.schema_version != current) {
      throw StoreError(fmt::format(
          "{}: cannot export the database: {} (schema {}, this build reads {})", path,
          identity.schema_version < current ? "migrate it first with \"dsabench db migrate\""
                                            : "a newer dsabench wrote it",
          identity.schema_version, current));
    }
    SQLite::Transaction snapshot(db);
    return Exporter(db, out).run();
  });
}

}  // namespace dsabench
