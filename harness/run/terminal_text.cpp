#include "harness/run/terminal_text.h"

#include "results/report/plain_text.h"

namespace dsabench {

std::string terminal_text(std::string_view text) {
  std::string line;
  report::for_each_safe(text, [&line](std::uint32_t value, std::string_view bytes) {
    if (report::is_line_space(value)) {
      line += ' ';
    } else {
      line += bytes;
    }
  });
  return line;
}

}  // namespace dsabench
