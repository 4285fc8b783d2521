#include <fmt/format.h>

#include <filesystem>

#include "harness/cli/sweep.h"
#include "harness/run/golden_check.h"
#include "kernels/base/error.h"

namespace dsabench {

ExitCode run_verify(const VerifyOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  ModelOptions chosen = options.model;
  if (chosen.dtype.empty()) chosen.dtype = dtype_name(DType::f32);  // the reference's own
  const ModelRequest request = to_request_of_one_device(chosen, "verify");
  std::error_code no_path;
  if (!std::filesystem::is_directory(request.model, no_path)) {
    throw InvalidArgument(fmt::format("verify: no checkpoint directory '{}'", request.model));
  }
  if (!std::filesystem::is_directory(options.golden, no_path)) {
    throw InvalidArgument(fmt::format("--golden: no directory '{}'", options.golden));
  }
  const Dialect dialect = to_dialect(options.model).value_or(Dialect::automatic);
  const LoadedModel model = load_model(request);
  const GoldenReport report = check_against_golden(model, options.golden, dialect);
  if (output.format() == TableFormat::json) {
    output.write(golden_report_json(report));
  } else if (output.format() == TableFormat::markdown) {
    output.write({golden_report_list(report)});
  } else {
    output.write({golden_report_row(report)});
  }
  return report.pass ? ExitCode::pass : ExitCode::incorrect;
}

}  // namespace dsabench
