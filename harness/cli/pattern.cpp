#include <fmt/format.h>

#include <array>
#include <functional>

#include "harness/cli/sweep.h"
#include "harness/plan/value_lists.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// `automatic` follows the Hugging Face formula for frequencies; it differs for configs only.
constexpr std::array<Dialect, 5> kRuntimes = {Dialect::hf, Dialect::vllm, Dialect::sglang,
                                              Dialect::atom, Dialect::paper};

/// One rendering, or why a dialect gives none.
struct Rendering {
  std::string source, dialect;
  std::optional<LayerPattern> pattern;
  std::string refusal;
};

Rendering render(std::string source, Dialect dialect, const std::function<LayerPattern()>& make) {
  Rendering rendering{std::move(source), dialect_name(dialect), std::nullopt, ""};
  try {
    rendering.pattern = make();
  } catch (const InvalidArgument& error) {
    rendering.refusal = error.what();
  }
  return rendering;
}

/// "3, 7-9": layers where the patterns differ.
std::string differing_layers(const LayerPattern& a, const LayerPattern& b) {
  std::string text;
  for (std::int64_t layer = 0; layer < a.num_layers(); ++layer) {
    if (a.is_full(layer) == b.is_full(layer)) continue;
    std::int64_t last = layer;
    while (last + 1 < a.num_layers() && a.is_full(last + 1) != b.is_full(last + 1)) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", layer);
    if (last > layer) text += fmt::format("-{}", last);
    layer = last;
  }
  return text.empty() ? "same" : text;
}

Table pattern_table(const std::vector<Rendering>& renderings) {
  Table table;
  table.title = "Patterns";
  table.columns = {{"source", "Asked as", ""},       {"dialect", "Dialect", ""},
                   {"full_layers", "F layers", ""},  {"layers", "Layers", ""},
                   {"realised", "Realised", "%", 1}, {"differs", "Differs from the first at", ""},
                   {"pattern", "Pattern", ""}};
  const LayerPattern* first = nullptr;
  for (const Rendering& rendering : renderings) {
    if (!rendering.pattern) {
      table.rows.push_back({rendering.source, rendering.dialect, Field(), Field(), Field(), Field(),
                            "refused: " + rendering.refusal});
      continue;
    }
    const LayerPattern& pattern = *rendering.pattern;
    if (first == nullptr) first = &pattern;
    table.rows.push_back({rendering.source, rendering.dialect, pattern.num_full(),
                          pattern.num_layers(), 100.0 * pattern.realised_retention(),
                          &pattern == first ? Field() : Field(differing_layers(*first, pattern)),
                          pattern.letters()});
  }
  return table;
}

void add_given(const std::string& letters, std::int64_t layers,
               std::vector<Rendering>& renderings) {
  const LayerPattern pattern = LayerPattern::from_letters(letters);
  if (layers > 0 && pattern.num_layers() != layers) {
    throw InvalidArgument(fmt::format("--pattern: expected {} letters, got {}: '{}'", layers,
                                      letters.size(), letters));
  }
  renderings.push_back({"letters", "", pattern, ""});
}

std::vector<Rendering> renderings_of(const PatternOptions& options) {
  std::int64_t layers = options.layers;
  std::vector<Rendering> renderings;
  if (!options.model.model.empty()) {
    const ModelConfig config = resolve_model_config(to_request(options.model));
    layers = config.num_layers;
    const auto add = [&](Dialect dialect) {
      renderings.push_back(
          render(config.name, dialect, [&] { return LayerPattern::from_config(config, dialect); }));
    };
    add(Dialect::automatic);
    for (const Dialect dialect : kRuntimes) add(dialect);
  }
  if (options.freq > 0) {
    std::optional<std::int64_t> offset;
    if (options.offset >= 0) offset = options.offset;
    const std::string source = offset ? fmt::format("freq {} offset {}", options.freq, *offset)
                                      : fmt::format("freq {}", options.freq);
    for (const Dialect dialect : kRuntimes) {
      renderings.push_back(render(source, dialect, [&] {
        return LayerPattern::from_freq(layers, options.freq, offset, dialect);
      }));
    }
  }
  for (const Retention& retention : parse_retentions(options.retentions)) {
    for (const Dialect dialect : kRuntimes) {
      renderings.push_back(render("retention " + retention.to_string(), dialect, [&] {
        return pattern_of_retention(layers, retention, dialect);
      }));
    }
  }
  if (!options.patterns.empty()) {
    for (const std::string& letters : parse_list("--pattern", options.patterns)) {
      if (layers == 0) layers = static_cast<std::int64_t>(letters.size());
      add_given(letters, layers, renderings);
    }
  }
  return renderings;
}

void check_options(const PatternOptions& options) {
  const bool has_model = !options.model.model.empty();
  if (has_model && options.layers > 0) {
    throw InvalidArgument("pattern: --layers and --model exclude each other");
  }
  const bool needs_layers = options.freq > 0 || !options.retentions.empty();
  if (needs_layers && !has_model && options.layers == 0) {
    throw InvalidArgument("pattern: --freq and --retention need --layers or --model");
  }
  if (!needs_layers && !has_model && options.patterns.empty()) {
    throw InvalidArgument("pattern: give --freq, --retention, --pattern or --model");
  }
  if (options.offset >= 0 && options.freq == 0) {
    throw InvalidArgument("pattern: --offset needs --freq");
  }
}

}  // namespace

ExitCode run_pattern(const PatternOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  check_options(options);
  output.write({pattern_table(renderings_of(options))});
  return ExitCode::pass;
}

}  // namespace dsabench
