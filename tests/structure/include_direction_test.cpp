#include "tests/structure/include_direction.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/catch.h"

namespace dsabench::test {
namespace {

namespace fs = std::filesystem;

TEST_CASE("every include follows the table of directions") {
  const fs::path root = DSABENCH_SOURCE_DIR;
  int files = 0;
  for (const char* folder :
       {"kernels", "engine", "suites", "results", "harness", "train", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cpp" && extension != ".cu" && extension != ".cuh") {
        continue;
      }
      ++files;
      std::ifstream stream(entry.path());
      const std::string text((std::istreambuf_iterator<char>(stream)), {});
      for (const auto& violation :
           include_violations(fs::relative(entry.path(), root).string(), text)) {
        FAIL_CHECK(violation);
      }
    }
  }
  CHECK(files > 50);
}

TEST_CASE("the check of include directions catches what it must") {
  CHECK(include_violations("suites/a.cpp", "#include \"engine/engine.h\"\n").size() == 1);
  CHECK(include_violations("suites/a.cpp", "#include \"results/record.h\"\n").empty());
  CHECK(include_violations("suites/a.cpp", "#include \"results/store.h\"\n").size() == 1);
  CHECK(include_violations("kernels/ops/a.cpp", "\n#include \"engine/engine.h\"\n").size() == 1);
  CHECK(
      include_violations("kernels/reference/a.cpp", "#include \"kernels/ops/linear.h\"\n").size() ==
      1);
  CHECK(include_violations("train/a.cpp", "#include \"harness/run/runner.h\"\n").size() == 1);
  CHECK(include_violations("harness/a.cpp", "#include \"train/model.h\"\n").size() == 1);
  CHECK(include_violations("results/a.cpp", "#include \"suites/suite.h\"\n").size() == 1);
  CHECK(include_violations("engine/a.cpp", "#include \"../results/store.h\"\n").size() == 1);
  CHECK(include_violations("elsewhere/a.cpp", "").size() == 1);
}

}  // namespace
}  // namespace dsabench::test
