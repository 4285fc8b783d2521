#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "results/gate.h"

namespace dsabench {

/// The policy of a gate.json, or the default where the path is empty. Throws InvalidArgument, and
/// IoError where the file cannot be read.
GatePolicy load_policy(const std::string& path);
/// What a comparison keeps of the policy that it was judged with.
nlohmann::json to_json(const GatePolicy& policy);

}  // namespace dsabench
