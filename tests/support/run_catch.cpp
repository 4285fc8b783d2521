// Catch2's implementation is compiled here alone: it takes longer than any test of ours.
#define CATCH_CONFIG_RUNNER
#include "tests/support/run_catch.h"

#include "tests/support/catch.h"

namespace dsabench::test {

int run_catch(int argc, char** argv) { return Catch::Session().run(argc, argv); }

}  // namespace dsabench::test
