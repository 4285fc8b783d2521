#include "tests/support/run_catch.h"
#include "tests/support/test_device.h"

dsabench::Device dsabench::test::test_device() { return {}; }

int main(int argc, char** argv) { return dsabench::test::run_catch(argc, argv); }
