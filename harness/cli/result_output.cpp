#include "harness/cli/result_output.h"

#include <ostream>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

TableFormat parse_format(const std::string& name) try {
  return parse_table_format(name);
} catch (Error& error) {
  error.add_context("--format");
  throw;
}

}  // namespace

ResultOutput::ResultOutput(const OutputOptions& options, std::ostream& out)
    : format_(parse_format(options.format)), out_(out) {
  if (!options.file.empty()) file_.emplace(options.file);
}

void ResultOutput::write(const std::vector<Table>& tables) const { write(render(format_, tables)); }

void ResultOutput::write(const std::string& text) const {
  const char* end = text.ends_with('\n') ? "" : "\n";
  if (file_) {
    file_->write([&](std::ostream& stream) { stream << text << end; });
    return;
  }
  out_ << text << end << std::flush;
  if (!out_) throw StoreError("cannot write the results to standard output");
}

}  // namespace dsabench
