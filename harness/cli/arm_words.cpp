#include "harness/cli/arm_words.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <optional>

#include "harness/plan/value_lists.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

struct Reserved {
  std::string_view name, why;
};
constexpr std::array<Reserved, 8> kReserved{{
    {"--db", "every process writes a database of its own"},
    {"--progress", "the comparison reads it"},
    {"--output", "the processes' tables are dropped"},
    {"--format", "the processes' tables are dropped; before -- it is the comparison's"},
    {"--dry-run", "nothing would be measured"},
    {"--time-limit", "before -- it is the comparison's"},
    {"--help", "nothing would be measured"},
    {"-h", "nothing would be measured"},
}};

/// The two values of an option that sets the arms apart; nothing where it was not given.
std::optional<std::array<std::string, 2>> pair_of(const char* option, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const std::vector<std::string> values = parse_list(option, text);
  if (values.size() != 2 || values[0] == values[1]) {
    throw InvalidArgument(
        fmt::format("{}: expected two that differ, base,candidate, got '{}'", option, text));
  }
  return std::array<std::string, 2>{values[0], values[1]};
}

void append(std::vector<std::string>& words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
}

/// What sets one arm apart, in words.
std::string label_of(const ArmPlan& arm, const ArmPlan& other,
                     const std::vector<std::string>& own_words) {
  if (arm.binary == other.binary) return fmt::format("{}", fmt::join(own_words, " "));
  return own_words.empty() ? arm.binary
                           : fmt::format("{} {}", arm.binary, fmt::join(own_words, " "));
}

}  // namespace

std::vector<std::string> split_words(std::string_view option, std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (c == '\\' && quote != '\'') {
      if (i + 1 == text.size()) {
        throw InvalidArgument(
            fmt::format("{}: nothing follows the last backslash of '{}'", option, text));
      }
      word += text[++i];
      in_word = true;
    } else if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (!blank) {
      word += c;
      in_word = true;
    } else if (in_word) {
      words.push_back(std::exchange(word, {}));
      in_word = false;
    }
  }
  if (quote != 0) {
    throw InvalidArgument(
        fmt::format("{}: a quote ({}) is not closed in '{}'", option, quote, text));
  }
  if (in_word) words.push_back(word);
  return words;
}

void check_run_options(std::string_view where, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    for (const auto& [name, why] : kReserved) {
      if (word != name && !word.starts_with(std::string(name) + '=')) continue;
      throw InvalidArgument(fmt::format("{}: {} is not for an arm: {}", where, name, why));
    }
  }
}

std::string resolve_binary(const std::string& option, const std::string& path,
                           const std::string& program) {
  std::error_code error;
  // A link such as /proc/self/exe would be another program's in another process.
  const std::filesystem::path found = path.empty() ? std::filesystem::canonical(program, error)
                                                   : std::filesystem::absolute(path, error);
  if (error) {
    throw InvalidArgument(
        fmt::format("{}: {}: {}", option, path.empty() ? program : path, error.message()));
  }
  if (!std::filesystem::is_regular_file(found, error) || ::access(found.c_str(), X_OK) != 0) {
    throw InvalidArgument(
        fmt::format("{}: {} is no program that can be run", option, found.string()));
  }
  return found.string();
}

std::vector<ArmPlan> make_arms(const AbVerbOptions& options, const std::string& program) {
  check_run_options("after --", options.run_options);
  std::array<std::vector<std::string>, 2> own{
      split_words("--base-args", options.base_args),
      split_words("--candidate-args", options.candidate_args)};
  check_run_options("--base-args", own[0]);
  check_run_options("--candidate-args", own[1]);
  for (const auto& [option, text] :
       {std::pair("--pattern", &options.patterns), std::pair("--retention", &options.retentions)}) {
    const auto values = pair_of(option, *text);
    for (std::size_t i = 0; values && i < own.size(); ++i) append(own[i], {option, (*values)[i]});
  }
  ArmPlan base{Arm::base, {}, resolve_binary("--base", options.base, program), options.run_options};
  ArmPlan candidate{Arm::candidate, {}, base.binary, options.run_options};
  if (!options.candidate.empty()) {
    candidate.binary = resolve_binary("--candidate", options.candidate, program);
  }
  append(base.arguments, own[0]);
  append(candidate.arguments, own[1]);
  if (base.binary == candidate.binary && base.arguments == candidate.arguments) {
    throw InvalidArgument(
        "ab: both arms are the same command; give --candidate, --candidate-args, --pattern or "
        "--retention (calibrate compares a build with itself)");
  }
  base.label = label_of(base, candidate, own[0]);
  candidate.label = label_of(candidate, base, own[1]);
  if (base.label.empty()) base.label = "as given";
  if (candidate.label.empty()) candidate.label = "as given";
  return {base, candidate};
}

}  // namespace dsabench
