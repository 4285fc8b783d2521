#include <unistd.h>

#include "results/store/process.h"
#include "results/store/rows.h"

namespace dsabench::store {

std::optional<std::int64_t> other_process_of(SQLite::Database& db, const std::string& run_id) {
  SQLite::Statement query(
      db,
      "SELECT process_id, process_start, boot_id FROM run_process WHERE run_id = ?1"
      " UNION ALL SELECT process_id, process_start, boot_id FROM running_trial WHERE run_id = ?1");
  query.bind(1, run_id);
  while (query.executeStep()) {
    ProcessMark mark;
    read_row(query, mark.process_id, mark.process_start, mark.boot_id);
    if (mark.process_id != getpid() && is_alive(mark)) return mark.process_id;
  }
  return std::nullopt;
}

void insert_run_process(SQLite::Database& db, const std::string& run_id) {
  const ProcessMark mark = current_process();
  SQLite::Statement insert(
      db,
      "INSERT OR REPLACE INTO run_process (run_id, process_id, process_start, boot_id)"
      " VALUES (?,?,?,?)");
  execute(insert, run_id, mark.process_id, mark.process_start, mark.boot_id);
}

void delete_run_process(SQLite::Database& db, const std::string& run_id) {
  SQLite::Statement remove(db, "DELETE FROM run_process WHERE run_id = ?");
  execute(remove, run_id);
}

}  // namespace dsabench::store
