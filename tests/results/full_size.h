#pragma once
/// Tests of load are small unless DSABENCH_TEST_FULL_SIZE is set: then they run at the size that is
/// promised (minutes, not seconds).
#include <cstdlib>

namespace dsabench::test {

inline bool full_size() { return std::getenv("DSABENCH_TEST_FULL_SIZE") != nullptr; }

}  // namespace dsabench::test
