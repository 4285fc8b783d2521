#include <iostream>

#include "harness/cli/cli.h"

int main(int argc, char** argv) { return dsabench::run_cli(argc, argv, std::cout, std::cerr); }
