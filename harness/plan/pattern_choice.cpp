#include "harness/plan/pattern_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/base/error.h"
#include "results/published/index_cache.h"

namespace dsabench {
namespace {

constexpr const char* kUniform = "uniform";
constexpr const char* kCheckpoint = "checkpoint";

constexpr std::string_view kPublished = "published", kPublishedOne = "published-";

/// "47 layers (30B): 1/2, 1/4, 1/8; 78 layers (GLM-5): 1/2, 1/4".
std::string published_names() {
  std::string text, model;
  for (const published::SearchedPattern& known : published::index_cache().patterns) {
    if (known.model == model) {
      text += ", " + known.retention;
      continue;
    }
    model = known.model;
    text += fmt::format("{}{} layers ({}): {}", text.empty() ? "" : "; ", known.pattern.size(),
                        model, known.retention);
  }
  return text;
}

/// Whether the text is a name of published patterns.
bool is_published(std::string_view text) {
  return text == kPublished || text.starts_with(kPublishedOne);
}

std::vector<PatternChoice> named_patterns(const ModelConfig& config, const std::string& name) {
  std::vector<PatternChoice> choices = published_patterns(config.num_layers);
  if (name != kPublished) {
    const std::string retention =
        Retention::parse(std::string_view(name).substr(kPublishedOne.size())).to_string();
    std::erase_if(choices, [&](const PatternChoice& choice) {
      return choice.nominal_retention != retention;
    });
  }
  if (choices.empty()) {
    throw InvalidArgument(
        fmt::format("--pattern {}: patterns are published for {}; {} has {} layers", name,
                    published_names(), config.name, config.num_layers));
  }
  return choices;
}

PatternChoice given_pattern(const ModelConfig& config, const std::string& text) {
  if (text.find_first_not_of("FS") != std::string::npos) {
    throw InvalidArgument(fmt::format(
        "--pattern: expected uniform, checkpoint, published or letters F and S, got '{}'", text));
  }
  LayerPattern pattern = LayerPattern::from_letters(text);
  if (pattern.num_layers() != config.num_layers) {
    throw InvalidArgument(fmt::format("--pattern: {} has {} layers, got {} letters: '{}'",
                                      config.name, config.num_layers, pattern.num_layers(), text));
  }
  return {std::move(pattern), "given", "", ""};
}

/// Before they are made: a name of a few letters stands for as many as the model has layers.
void check_size(const ModelConfig& config, const std::vector<std::string>& asked,
                const std::vector<Retention>& retentions) {
  const auto num_uniform = std::count(asked.begin(), asked.end(), kUniform);
  const double patterns =
      double(asked.size()) + double(num_uniform) * (double(retentions.size()) - 1);
  if (patterns * double(config.num_layers) <= double(kMaxPlanLetters)) return;
  throw InvalidArgument(
      fmt::format("a plan has at most {} letters of patterns, {:.0f} patterns of {} "
                  "layers were asked for",
                  kMaxPlanLetters, patterns, config.num_layers));
}

}  // namespace

std::string asked_as(const PatternChoice& choice) {
  using Origins = std::initializer_list<std::string_view>;
  for (const auto found :
       Origins{kPublished, kSearchedOrigin, kSimilarityOrigin, kTrainedOrigin, kControlOrigin}) {
    if (choice.origin == found) return choice.origin + " pattern " + choice.nominal_retention;
  }
  if (!choice.nominal_retention.empty()) return "retention " + choice.nominal_retention;
  if (choice.origin != "given") return "the checkpoint's own pattern";
  return "pattern " +
         (choice.whole_letters.empty() ? choice.pattern.letters() : choice.whole_letters);
}

LayerPattern pattern_of_retention(std::int64_t num_layers, Retention retention, Dialect dialect) {
  if (dialect == Dialect::paper) return LayerPattern::uniform(num_layers, retention);
  if (retention.numerator != 1) {
    throw InvalidArgument(
        fmt::format("dialect {} knows retentions 1/n only (index_topk_freq n), got {}",
                    dialect_name(dialect), retention.to_string()));
  }
  return LayerPattern::from_freq(num_layers, retention.denominator, std::nullopt, dialect);
}

std::vector<PatternChoice> published_patterns(std::int64_t num_layers) {
  std::vector<PatternChoice> choices;
  for (const published::SearchedPattern& known : published::index_cache().patterns) {
    if (std::ssize(known.pattern) != num_layers) continue;
    choices.push_back(
        {LayerPattern::from_letters(known.pattern), std::string(kPublished), known.retention, ""});
  }
  return choices;
}

std::vector<PatternChoice> choose_patterns(const ModelConfig& config,
                                           const std::vector<std::string>& patterns,
                                           const std::vector<Retention>& retentions,
                                           std::optional<Dialect> dialect) {
  std::vector<std::string> asked = patterns;
  if (asked.empty()) asked.push_back(retentions.empty() ? kCheckpoint : kUniform);
  const bool has_uniform = std::find(asked.begin(), asked.end(), kUniform) != asked.end();
  if (has_uniform && retentions.empty()) {
    throw InvalidArgument("--pattern uniform needs --retention, for instance --retention 1,1/4");
  }
  if (!has_uniform && !retentions.empty()) {
    throw InvalidArgument("--retention has no effect without 'uniform' in --pattern");
  }
  check_size(config, asked, retentions);
  std::vector<PatternChoice> choices;
  for (const std::string& text : asked) {
    if (text == kUniform) {
      const Dialect rule = dialect.value_or(Dialect::paper);
      for (const Retention& retention : retentions) {
        choices.push_back({pattern_of_retention(config.num_layers, retention, rule), kUniform,
                           retention.to_string(), dialect_name(rule)});
      }
    } else if (text == kCheckpoint) {
      const Dialect rule = dialect.value_or(Dialect::automatic);
      choices.push_back(
          {LayerPattern::from_config(config, rule), kCheckpoint, "", dialect_name(rule)});
    } else if (is_published(text)) {
      const std::vector<PatternChoice> named = named_patterns(config, text);
      choices.insert(choices.end(), named.begin(), named.end());
    } else {
      choices.push_back(given_pattern(config, text));
    }
  }
  return choices;
}

}  // namespace dsabench
