#pragma once
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "harness/cli/staged_file.h"
#include "harness/cli/verbs.h"
#include "results/report/render.h"

namespace dsabench {

/// Where a verb's results go, and how they are written.
class ResultOutput {
 public:
  /// Throws InvalidArgument for an unknown format, and IoError where --output cannot be opened: now
  /// and not after the work. An existing file is kept until there is something to put in its place.
  ResultOutput(const OutputOptions& options, std::ostream& out);

  TableFormat format() const { return format_; }
  void write(const std::vector<Table>& tables) const;
  /// Text in this output's format. Throws StoreError where the disk does not take it.
  void write(const std::string& text) const;

 private:
  TableFormat format_;
  std::optional<StagedFile> file_;
  std::ostream& out_;
};

}  // namespace dsabench
