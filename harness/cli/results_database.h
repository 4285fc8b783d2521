#pragma once
#include <string>

#include "harness/cli/verbs.h"
#include "results/report/table.h"
#include "results/store.h"

namespace dsabench {

/// Opens, creates and migrates. Throws StoreError, also for a database of a newer schema.
ResultStore open_for_writing(const std::string& path, const Invocation& invocation);
/// The same, and creates none: throws StoreError where there is no file.
ResultStore open_to_go_on(const std::string& path, const Invocation& invocation);
/// A database of a newer schema is read, and a remark on stderr says so. Throws StoreError.
ResultStore open_for_reading(const std::string& path, const Invocation& invocation);

/// A run id, a unique prefix of one, "last", or "last~N": the Nth before the last. Throws
/// InvalidArgument.
std::string resolve_run(const ResultStore& store, const std::string& name);
/// The same among overlaps, which "last" otherwise skips.
std::string resolve_overlap(const ResultStore& store, const std::string& name);

/// The tables of a run: the paper's that it reproduces, speed with the ceilings, quality.
std::vector<Table> result_tables(const RunResults& results);

}  // namespace dsabench
