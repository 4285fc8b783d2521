#pragma once

namespace dsabench::test {

/// Runs the executable's test cases as the command line asks. Returns the exit code.
int run_catch(int argc, char** argv);

}  // namespace dsabench::test
