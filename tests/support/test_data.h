#pragma once
#include <cstdlib>
#include <string>

namespace dsabench::test {

/// The folder tests/ of the sources: where they were built, or as the environment variable
/// DSABENCH_TEST_DATA says, for a binary that was carried to another machine.
inline std::string test_data() {
  const char* elsewhere = std::getenv("DSABENCH_TEST_DATA");
  return elsewhere != nullptr ? elsewhere : DSABENCH_TEST_DATA;
}

}  // namespace dsabench::test
