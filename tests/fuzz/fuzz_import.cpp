// Any text either is refused with an error of ours that names the line, or becomes a database whose
// rows agree with one another.
#include <cstdlib>
#include <sstream>
#include <string>

#include "kernels/base/error.h"
#include "results/store/exchange_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace dsabench;
  std::istringstream in(std::string(reinterpret_cast<const char*>(data), size));
  SQLite::Database scratch(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  scratch.exec("PRAGMA foreign_keys = ON");
  try {
    store::ExchangeReader reader(in, "fuzz");
    const std::int64_t num_rows = store::read_into(scratch, reader);
    if (num_rows < 0) std::abort();
    if (SQLite::Statement(scratch, "PRAGMA foreign_key_check").executeStep()) std::abort();
    if (scratch.execAndGet("PRAGMA integrity_check").getString() != "ok") std::abort();
  } catch (const ParseError& error) {
    if (std::string(error.what()).rfind("fuzz: line ", 0) != 0) std::abort();
  }
  return 0;
}
