#pragma once
#include <string>
#include <string_view>

#include "harness/plan/run_plan.h"

namespace dsabench {

/// Reads a plan file: JSON whose keys are the options of `run` with _ for -, and whose sweeps are
/// measured one after the other.
///   {"model": "demo", "set": {"num_hidden_layers": 3}, "seed": 0,
///    "sweeps": [{"context": [4096, "8k"], "retention": ["1", "1/4"]},
///               {"suite": "ruler-synth", "context": "8Ki", "pattern": "FSS"}],
///    "repeat": 2, "limits": {"noise": 0.01, "max_seconds": 30}}
/// A value is a text as on the command line ("batch": "max" too), a number, or a list of both.
/// `dialect` may stand in the document and in a sweep, where it wins. Keys that are left out are at
/// the options' defaults.
///
/// Errors name the place. Throws ParseError, "FILE:LINE:COLUMN: ...", for text that is no JSON, and
/// InvalidArgument, "FILE:LINE:COLUMN: /JSON/POINTER: ...", for what it says: an unknown key (with
/// those that are known), a value that is out of range or of the wrong kind.
RunPlan parse_plan_file(const std::string& file, std::string_view text);
/// Throws IoError where the file cannot be read, and beyond 16 MiB ParseError.
RunPlan load_plan_file(const std::string& file);

}  // namespace dsabench
