#include "harness/cli/result_output.h"

#include <fmt/format.h>

#include <fstream>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

OutputFormat parse_format(const std::string& name) {
  if (name == "md") return OutputFormat::markdown;
  if (name == "json") return OutputFormat::json;
  throw InvalidArgument(fmt::format("--format: expected md or json, got '{}'", name));
}

}  // namespace

ResultOutput::ResultOutput(const OutputOptions& options, std::ostream& out)
    : format_(parse_format(options.format)), file_(options.file), out_(out) {
  if (!file_.empty() && !std::ofstream(file_, std::ios::app)) {
    throw IoError(fmt::format("--output: cannot write {}", file_));
  }
}

void ResultOutput::write(const std::vector<Table>& tables) const {
  if (format_ == OutputFormat::json) {
    write(render_json(tables));
    return;
  }
  std::string text;
  for (const Table& table : tables) {
    if (!text.empty()) text += '\n';
    text += render_markdown(table);
  }
  write(text);
}

void ResultOutput::write(const std::string& text) const {
  const char* end = text.ends_with('\n') ? "" : "\n";
  if (file_.empty()) {
    out_ << text << end << std::flush;
    if (!out_) throw StoreError("cannot write the results to standard output");
    return;
  }
  std::ofstream stream(file_, std::ios::trunc);
  stream << text << end << std::flush;
  if (!stream) throw StoreError(fmt::format("--output: cannot write {}", file_));
}

}  // namespace dsabench
