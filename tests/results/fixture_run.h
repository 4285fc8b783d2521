#pragma once
/// The run in fixtures/schema_v1.sqlite and behind the approved reports. It never changes: a later
/// schema gets a fixture of its own.
#include <string>

#include "results/store.h"

namespace dsabench::test {

RunResults fixture_run();

/// Writes the run as a single file. Made the committed fixture while 1 was the current schema:
///   DSABENCH_UPDATE_FIXTURE=1 test_results "the committed database*"
void write_fixture(const std::string& path);

}  // namespace dsabench::test
