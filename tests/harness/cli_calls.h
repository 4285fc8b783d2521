#pragma once
/// Calls the tool without a process, on a model that runs in milliseconds.
#include <algorithm>
#include <cctype>
#include <sstream>
#include <string>
#include <vector>

#include "harness/cli/cli.h"
#include "tests/support/error_message.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {

struct CliResult {
  int code = -1;
  std::string out, err;
};

/// The real thing but for the ceilings: measuring them takes longer than most tests.
inline CliSeams quick_seams() {
  CliSeams seams;
  seams.measure_ceilings = [](Device) { return std::vector<Ceiling>(); };
  return seams;
}

inline CliResult call_cli(const std::vector<std::string>& arguments,
                          const CliSeams& seams = quick_seams()) {
  std::vector<const char*> argv{"dsabench"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::ostringstream out, err;
  CliResult result;
  result.code = run_cli(static_cast<int>(argv.size()), argv.data(), out, err, seams);
  result.out = out.str();
  result.err = err.str();
  return result;
}

/// The preset `demo` in miniature: 3 layers.
inline std::vector<std::pair<std::string, std::string>> tiny_overrides() {
  return {{"num_hidden_layers", "3"}, {"hidden_size", "64"},           {"num_attention_heads", "2"},
          {"q_lora_rank", "32"},      {"kv_lora_rank", "32"},          {"qk_nope_head_dim", "16"},
          {"index_n_heads", "2"},     {"index_head_dim", "32"},        {"index_topk", "16"},
          {"n_routed_experts", "4"},  {"moe_intermediate_size", "32"}, {"intermediate_size", "64"}};
}

/// `verb --set ...` for the miniature, without ceilings, then `more`.
inline std::vector<std::string> with_tiny_model(const std::string& verb,
                                                const std::vector<std::string>& more) {
  std::vector<std::string> arguments{verb};
  if (verb == "run" || verb == "profile" || verb == "overlap")
    arguments.insert(arguments.end(), {"--model", "demo"});
  if (verb == "run" || verb == "demo" || verb == "profile") arguments.push_back("--no-ceilings");
  for (const auto& [key, value] : tiny_overrides()) {
    arguments.insert(arguments.end(), {"--set", key + "=" + value});
  }
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

inline ModelRequest tiny_request() {
  ModelRequest request;
  request.model = "demo";
  request.overrides = tiny_overrides();
  return request;
}

/// Whether `err` is one line that begins as every error does and holds `part`.
/// `arguments` with those of `more` in place of what stood after the same options; what was not
/// there is added. `--set` may stand there more than once and is always added.
inline std::vector<std::string> replaced(std::vector<std::string> arguments,
                                         const std::vector<std::string>& more) {
  for (std::size_t i = 0; i < more.size(); ++i) {
    const auto found = more[i] == "--set" || i + 1 == more.size()
                           ? arguments.end()
                           : std::find(arguments.begin(), arguments.end(), more[i]);
    if (found == arguments.end()) {
      arguments.push_back(more[i]);
    } else {
      *(found + 1) = more[++i];
    }
  }
  return arguments;
}

inline bool is_error_line(const std::string& err, const std::string& part) {
  return err.starts_with("dsabench: ") && err.find('\n') == err.size() - 1 && contains(err, part);
}

}  // namespace dsabench::test
