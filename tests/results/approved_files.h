#pragma once
/// Outputs that were looked at and committed.
#include <cstdlib>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {

/// Byte for byte. DSABENCH_UPDATE_APPROVED=1 rewrites the file instead: look at its diff.
inline void check_approved(const std::string& name, const std::string& actual) {
  const std::string path = DSABENCH_TEST_DATA "/results/approved/" + name;
  if (std::getenv("DSABENCH_UPDATE_APPROVED") != nullptr) write_text(path, actual);
  const bool same = read_text(path) == actual;
  INFO(name << " is now:\n" << actual);
  CHECK(same);
}

}  // namespace dsabench::test
