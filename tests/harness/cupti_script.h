#pragma once
#include "tests/support/scratch_folder.h"

namespace dsabench::test {

inline const std::string kFakeCupti = std::string(DSABENCH_FAKE_LIBRARIES) + "/libcupti.so.13";

/// A script for the fake CUPTI (tests/support/fake_cupti.cpp); the variable that names it is set
/// while this lives.
class CuptiScript {
 public:
  explicit CuptiScript(const std::string& text) {
    const std::string path = folder_.write("cupti.txt", text);
    REQUIRE(setenv("DSABENCH_FAKE_CUPTI", path.c_str(), 1) == 0);
  }
  ~CuptiScript() { unsetenv("DSABENCH_FAKE_CUPTI"); }
  CuptiScript(const CuptiScript&) = delete;
  CuptiScript& operator=(const CuptiScript&) = delete;

 private:
  ScratchFolder folder_;
};

}  // namespace dsabench::test
