#include "harness/cli/step_summary.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <ostream>

#include "harness/run/terminal_text.h"
#include "results/report/render.h"

namespace dsabench {

void append_step_summary(const std::vector<Table>& tables, std::ostream& err) {
  const char* path = std::getenv("GITHUB_STEP_SUMMARY");
  if (path == nullptr || *path == '\0') return;
  std::ofstream file(path, std::ios::binary | std::ios::app);
  file << render(TableFormat::markdown, tables) << '\n' << std::flush;
  if (file) return;
  err << terminal_text(fmt::format("GITHUB_STEP_SUMMARY: cannot write to {}", path)) << '\n';
}

}  // namespace dsabench
