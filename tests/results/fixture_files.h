#pragma once
/// The committed databases (fixture_run.h says what is in them), and databases as text.
#include <sstream>
#include <string>

#include "results/exchange.h"

namespace dsabench::test {

inline const std::string kFixtures = DSABENCH_TEST_DATA "/results/fixtures/";

inline std::string exported(const std::string& path) {
  std::ostringstream out;
  export_database(path, out);
  return out.str();
}

}  // namespace dsabench::test
