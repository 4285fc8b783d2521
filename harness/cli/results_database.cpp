#include "harness/cli/results_database.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <ostream>

#include "harness/plan/cell.h"
#include "harness/plan/reproduction.h"
#include "harness/run/terminal_text.h"
#include "kernels/base/error.h"
#include "results/overlap_record.h"

namespace dsabench {

ResultStore open_for_writing(const std::string& path, const Invocation& invocation) {
  ResultStore store =
      ResultStore::open(path, ResultStore::Mode::read_write, invocation.seams.busy_timeout);
  if (store.is_newer_schema()) {
    throw StoreError(fmt::format(
        "{}: a newer dsabench wrote this database and it is read only here; use that version or "
        "choose another file with --db (schema {}, this build writes {})",
        path, store.schema_version(), current_schema_version()));
  }
  return store;
}

ResultStore open_to_go_on(const std::string& path, const Invocation& invocation) {
  // Reading says what is wrong where writing would make a database.
  std::error_code no_path;
  return std::filesystem::exists(path, no_path) ? open_for_writing(path, invocation)
                                                : open_for_reading(path, invocation);
}

ResultStore open_for_reading(const std::string& path, const Invocation& invocation) {
  ResultStore store =
      ResultStore::open(path, ResultStore::Mode::read_only, invocation.seams.busy_timeout);
  if (store.is_newer_schema()) {
    invocation.err << terminal_text(fmt::format(
                          "{}: opened read-only: a newer dsabench wrote it (schema {}, this build "
                          "knows {}); what is new in it is not shown",
                          path, store.schema_version(), current_schema_version()))
                   << '\n';
  }
  return store;
}

namespace {

/// "last" counts the runs that are `wanted`.
std::string resolve_among(const ResultStore& store, const std::string& name,
                          bool (*wanted)(const RunRecord& run)) {
  constexpr std::string_view kLast = "last";
  if (!name.starts_with(kLast)) return store.load_progress(name).run.run_id;
  std::size_t before = 0;
  const std::string_view rest = std::string_view(name).substr(kLast.size());
  if (!rest.empty()) {
    const char* end = rest.data() + rest.size();
    const auto [at, error] = std::from_chars(rest.data() + 1, end, before);
    if (rest.front() != '~' || error != std::errc{} || at != end) {
      throw InvalidArgument(fmt::format("expected a run id, last or last~N, got '{}'", name));
    }
  }
  std::vector<RunRecord> runs = store.list_runs();
  std::erase_if(runs, [wanted](const RunRecord& run) { return !wanted(run); });
  if (before >= runs.size()) {
    throw InvalidArgument(
        fmt::format("{} has {} runs: there is no '{}'", store.path(), runs.size(), name));
  }
  return runs[before].run_id;
}

}  // namespace

std::string resolve_run(const ResultStore& store, const std::string& name) {
  return resolve_among(store, name, [](const RunRecord& run) {
    return run.status != kProfileStatus && run.status != kSearchStatus &&
           run.status != kOverlapStatus;
  });
}

std::string resolve_overlap(const ResultStore& store, const std::string& name) {
  return resolve_among(store, name,
                       [](const RunRecord& run) { return run.status == kOverlapStatus; });
}

std::vector<Table> result_tables(const RunResults& results) {
  const auto has_phase = [&results](bool quality) {
    return std::any_of(results.plan.begin(), results.plan.end(), [&](const PlannedCell& planned) {
      return (planned.cell.phase == phase_name(Phase::generate)) == quality;
    });
  };
  std::vector<Table> tables;
  const std::string reproduced = reproduced_table(results.run);
  if (reproduced == kTable1 || reproduced == kProfile || is_quality_table(reproduced)) {
    tables.push_back(reproduction_table(reproduced, results));
  }
  if (has_phase(false)) tables.push_back(speed_table(results));
  if (!results.run.ceilings.empty()) tables.push_back(ceilings_table(results));
  if (has_phase(true)) tables.push_back(quality_table(results));
  return tables;
}

}  // namespace dsabench
