#include <cstdio>
#include <string>

#include "tests/report_page/browser.h"
#include "tests/support/run_catch.h"

/// 77 (skipped) where there is no Chromium to open the page in; tests can be listed anywhere.
int main(int argc, char** argv) {
  const bool lists = argc > 1 && std::string(argv[1]).starts_with("--list");
  if (!lists && dsabench::test::find_chromium().empty()) {
    std::puts("skipped: no chromium in PATH (docker/install-deps.sh test installs it)");
    return 77;
  }
  return dsabench::test::run_catch(argc, argv);
}
