#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "kernels/base/error.h"
#include "results/exchange.h"
#include "results/store/connection.h"
#include "results/store/exchange_reader.h"
#include "results/store/merge.h"
#include "results/store/migrations.h"
#include "results/store/store_error.h"

namespace dsabench {
namespace {

/// A file that goes away with its SQLite side files.
class ScratchFile {
 public:
  explicit ScratchFile(std::string path) : path_(std::move(path)) { remove(); }
  ~ScratchFile() { remove(); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  void remove() const {
    for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
      std::error_code ignored;
      std::filesystem::remove(path_ + suffix, ignored);
    }
  }
  std::string path_;
};

std::vector<std::string> incoming_ids(SQLite::Database& db, const std::string& table) {
  SQLite::Statement query(
      db, fmt::format("SELECT {0}_id FROM incoming.{0} ORDER BY started_ms, {0}_id", table));
  std::vector<std::string> ids;
  while (query.executeStep()) ids.push_back(query.getColumn(0).getString());
  return ids;
}

void note(ImportedPart& part, const std::string& id, store::Merged merged) {
  switch (merged) {
    case store::Merged::added:
      part.added.push_back(id);
      break;
    case store::Merged::skipped:
      part.skipped.push_back(id);
      break;
    case store::Merged::refused:
      part.refused.push_back(id);
      break;
  }
}

void merge_all(SQLite::Database& db, ImportReport& report) {
  for (const std::string& run_id : incoming_ids(db, "run")) {
    try {
      note(report, run_id, store::merge_run(db, run_id));
    } catch (StoreError& error) {
      error.add_context("run " + run_id);
      throw;
    }
  }
  const std::set<std::string> refused(report.refused.begin(), report.refused.end());
  for (const std::string& id : incoming_ids(db, "comparison")) {
    note(report.comparisons, id, store::merge_comparison(db, id, refused));
  }
  store::merge_baselines(db, refused, [&](const std::string& name, store::Merged merged) {
    note(report.baselines, name, merged);
  });
  store::merge_unused(db);
}

}  // namespace

ImportReport import_database(std::istream& in, const std::string& source, const std::string& path) {
  return store::with_store_errors(path, "import into the database", [&] {
    store::require_sqlite_version();
    ImportReport report;
    store::ExchangeReader reader(in, source);
    const ScratchFile scratch(fmt::format("{}.import.{}", path, getpid()));
    {
      SQLite::Database db = store::open_for_writing(scratch.path(), store::kBusyTimeout);
      db.exec("PRAGMA journal_mode = OFF");
      db.exec("PRAGMA synchronous = OFF");
      report.num_rows = store::read_into(db, reader);
    }
    SQLite::Database db = store::open_and_migrate(path, store::kBusyTimeout);
    const int version = store::read_identity(db).schema_version;
    if (version > static_cast<int>(store::all_migrations().size())) {
      throw StoreError(fmt::format(
          "{}: cannot import: a newer dsabench wrote this database (schema {}, this build writes "
          "{})",
          path, version, store::all_migrations().size()));
    }
    SQLite::Statement attach(db, "ATTACH DATABASE ? AS incoming");
    attach.bind(1, scratch.path());
    attach.exec();
    merge_all(db, report);
    return report;
  });
}

}  // namespace dsabench
