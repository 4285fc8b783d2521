#pragma once
/// Results databases as text, and their merge.
///
/// The format is JSON Lines, lossless: a header, then every row of every table, then a trailer.
///   {"format":"dsabench-results","format_version":1,"schema_version":3,"counts":{"run":1,...}}
///   {"table":"run","run_id":"...",...}
///   {"end":true,"counts":{"run":1,...}}
/// A row has all columns of its table in the schema it names. Text is a string, or
/// {"hex":"c328..."} where it is not UTF-8; infinite numbers are {"real":"inf"}. Rows come after
/// those they refer to. Exports of older schemas import, and are migrated on the way.
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace dsabench {

/// Writes a snapshot of the database; constant memory. Returns the number of rows. Throws
/// StoreError, and IoError where the stream does not take it.
std::int64_t export_database(const std::string& path, std::ostream& out);

/// What became of the runs, comparisons or baselines of an import.
struct ImportedPart {
  std::vector<std::string> added, skipped;  ///< ids; skipped: there already, and identical
  std::vector<std::string> refused;         ///< there already with other content: left as it is
};
struct ImportReport : ImportedPart {  ///< itself: of the runs
  /// Refused too where a run of it was, or is another comparison's here.
  ImportedPart comparisons;
  /// By name. Refused where a run of it was; retired here where the import has it retired.
  ImportedPart baselines;
  std::int64_t num_rows = 0;  ///< read
};

/// Merges an export into a database, which is made where there is none. The text is first read
/// whole into a scratch database beside it (<path>.import.<process id>, removed again), under all
/// constraints of the schema: a line that is wrong or a file cut short throws ParseError with the
/// line number, and nothing was imported. Then each run goes in whole in a transaction of its own,
/// then each comparison, then the baselines.
/// `source` names the stream in messages. Constant memory. Throws StoreError.
ImportReport import_database(std::istream& in, const std::string& source, const std::string& path);

}  // namespace dsabench
