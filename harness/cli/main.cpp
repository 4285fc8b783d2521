#include <csignal>
#include <iostream>

#include "harness/cli/cli.h"

int main(int argc, char** argv) {
  // A file that may not grow further is an error of the write, with a message, as a full disk is.
  std::signal(SIGXFSZ, SIG_IGN);
  return dsabench::run_cli(argc, argv, std::cout, std::cerr);
}
