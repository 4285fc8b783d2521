#include "results/store/rows.h"

namespace dsabench::store {
namespace {

void insert_watched(SQLite::Database& db, const ProfileRecord& profile, std::int64_t watched) {
  SQLite::Statement value(db,
                          "INSERT INTO profile_value (run_id, watched, position, nanoseconds)"
                          " VALUES (?,?,?,?)");
  std::int64_t position = 0;
  for (const std::int64_t taken : watched != 0 ? profile.watched : profile.timed) {
    execute(value, profile.run_id, watched, position++, taken);
  }
  SQLite::Statement stage(db,
                          "INSERT INTO profile_stage (run_id, watched, sample, layer, stage,"
                          " nanoseconds) VALUES (?,?,?,?,?,?)");
  for (const StageTime& time : watched != 0 ? profile.watched_stages : profile.timed_stages) {
    execute(stage, profile.run_id, watched, time.sample, time.layer, time.stage, time.nanoseconds);
  }
}

void read_watched(SQLite::Database& db, ProfileRecord& profile, const std::string& phase,
                  std::int64_t watched) {
  SQLite::Statement value(db,
                          "SELECT nanoseconds FROM profile_value WHERE run_id = ? AND watched = ?"
                          " ORDER BY position");
  value.bind(1, profile.run_id);
  value.bind(2, watched);
  std::vector<std::int64_t>& values = watched != 0 ? profile.watched : profile.timed;
  while (value.executeStep()) values.push_back(value.getColumn(0).getInt64());
  SQLite::Statement stage(db,
                          "SELECT sample, layer, stage, nanoseconds FROM profile_stage"
                          " WHERE run_id = ? AND watched = ? ORDER BY sample, layer, stage");
  stage.bind(1, profile.run_id);
  stage.bind(2, watched);
  std::vector<StageTime>& stages = watched != 0 ? profile.watched_stages : profile.timed_stages;
  while (stage.executeStep()) {
    StageTime& time = stages.emplace_back();
    time.metric = phase;
    read_row(stage, time.sample, time.layer, time.stage, time.nanoseconds);
  }
}

}  // namespace

void insert_profile(SQLite::Database& db, const ProfileRecord& profile) {
  SQLite::Statement insert(db,
                           "INSERT INTO profile (run_id, cell_id, tracer, dropped_records,"
                           " verification_json, conditions_json) VALUES (?,?,?,?,?,?)");
  execute(insert, profile.run_id, profile.cell_id, profile.tracer, profile.dropped_records,
          profile.verification_json, profile.conditions_json);
  for (const std::int64_t watched : {0, 1}) insert_watched(db, profile, watched);
  SQLite::Statement kernel(db,
                           "INSERT INTO profile_kernel (run_id, layer, stage, name, launches,"
                           " nanoseconds, bytes) VALUES (?,?,?,?,?,?,?)");
  for (const ProfiledKernel& used : profile.kernels) {
    execute(kernel, profile.run_id, used.layer, used.stage, used.name, used.launches,
            used.nanoseconds, used.bytes);
  }
}

std::optional<ProfileRecord> read_profile(SQLite::Database& db, const std::string& run_id) {
  SQLite::Statement query(db,
                          "SELECT cell_id, tracer, dropped_records, verification_json,"
                          " conditions_json, phase FROM profile JOIN cell USING (cell_id)"
                          " WHERE run_id = ?");
  query.bind(1, run_id);
  if (!query.executeStep()) return std::nullopt;
  ProfileRecord profile;
  profile.run_id = run_id;
  std::string phase;
  read_row(query, profile.cell_id, profile.tracer, profile.dropped_records,
           profile.verification_json, profile.conditions_json, phase);
  for (const std::int64_t watched : {0, 1}) read_watched(db, profile, phase, watched);
  SQLite::Statement kernel(db,
                           "SELECT layer, stage, name, launches, nanoseconds, bytes"
                           " FROM profile_kernel WHERE run_id = ? ORDER BY layer, stage, name");
  kernel.bind(1, run_id);
  while (kernel.executeStep()) {
    ProfiledKernel& used = profile.kernels.emplace_back();
    read_row(kernel, used.layer, used.stage, used.name, used.launches, used.nanoseconds,
             used.bytes);
  }
  return profile;
}

}  // namespace dsabench::store
