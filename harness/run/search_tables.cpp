#include "harness/run/search_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

constexpr int kLossDecimals = 6;

const SearchedPattern* find(const SearchRecord& record, std::int64_t calibration,
                            const std::string& method, const std::string& pattern) {
  for (const SearchedPattern& found : record.patterns) {
    if (found.calibration == calibration && found.method == method && found.pattern == pattern) {
      return &found;
    }
  }
  return nullptr;
}

std::int64_t num_full(const std::string& letters) {
  return std::count(letters.begin(), letters.end(), 'F');
}

/// Losses on the two sets, each followed by what it is more than all Full's.
class LossFields {
 public:
  explicit LossFields(const SearchRecord& record) {
    for (const SearchedPattern& found : record.patterns) {
      if (found.method == kAllFullMethod) all_full_[found.calibration] = found.loss;
    }
  }
  void append(std::vector<Field>& row, std::int64_t calibration, const double* loss) const {
    const auto base = all_full_.find(calibration);
    if (loss == nullptr || base == all_full_.end()) {
      row.insert(row.end(), {Field(), Field()});
    } else {
      row.insert(row.end(), {*loss, *loss - base->second});
    }
  }
  static void append_columns(std::vector<Column>& columns) {
    columns.insert(columns.end(),
                   {{"loss", "Loss", "", kLossDecimals},
                    {"added_loss", "Over all Full", "", kLossDecimals},
                    {"second_loss", "Second set", "", kLossDecimals},
                    {"second_added_loss", "Over all Full there", "", kLossDecimals}});
  }

 private:
  std::map<std::int64_t, double> all_full_;
};

Table pattern_table(const SearchRecord& record, const ModelConfig& config,
                    const SearchHeading& heading) {
  Table table;
  table.title = fmt::format("Search: {}, {} at {} tokens", config.name, heading.suite,
                            heading.context_tokens);
  table.name = "search_patterns";
  table.columns = {{"method", "Method", "", 2, Shown::everywhere, Role::identity},
                   {"retention", "Retention", "", 2, Shown::everywhere, Role::identity},
                   {"full_layers", "F layers", ""},
                   {"layers", "Layers", ""}};
  LossFields::append_columns(table.columns);
  table.columns.push_back({"pattern", "Pattern", ""});
  const LossFields losses(record);
  for (const SearchedPattern& found : record.patterns) {
    if (found.calibration != 0) continue;
    std::vector<Field> row{found.method, found.retention, num_full(found.pattern),
                           config.num_layers};
    losses.append(row, 0, &found.loss);
    const SearchedPattern* second = find(record, 1, found.method, found.pattern);
    losses.append(row, 1, second == nullptr ? nullptr : &second->loss);
    row.push_back(found.pattern);
    table.rows.push_back(std::move(row));
  }
  table.notes.push_back("loss: mean cross-entropy of the answers' tokens");
  if (heading.synthetic_weights) {
    table.notes.push_back("the weights are synthetic: losses mean nothing");
  }
  if (!heading.has_calibration_split) {
    table.notes.push_back(
        fmt::format("{} has no calibration split: runs with the same seed ask the same questions",
                    heading.suite));
  }
  if (record.interrupted) table.notes.push_back("interrupted: what there was by then");
  return table;
}

/// What a runtime of this dialect makes of index_topk_pattern.
std::string rendering(ModelConfig config, const std::string& letters, Dialect dialect) {
  config.pattern_keys = {};
  config.pattern_keys.pattern = letters;
  try {
    const std::string made = LayerPattern::from_config(config, dialect).letters();
    return made == letters ? "the same" : made;
  } catch (const InvalidArgument& error) {
    return fmt::format("refused: {}", error.what());
  }
}

Table dialect_table(const SearchRecord& record, const ModelConfig& config) {
  Table table;
  table.title = "The patterns in each dialect";
  table.name = "search_dialects";
  table.columns = {{"full_layers", "F layers", ""},
                   {"dialect", "Dialect", "", 2, Shown::everywhere, Role::identity},
                   {"setting", "Setting", "", 2, Shown::everywhere, Role::identity},
                   {"gives", "Gives", ""}};
  std::set<std::string> seen;
  for (const SearchedPattern& found : record.patterns) {
    if (found.method == kAllFullMethod || !seen.insert(found.pattern).second) continue;
    for (const Dialect dialect :
         {Dialect::hf, Dialect::vllm, Dialect::sglang, Dialect::atom, Dialect::paper}) {
      table.rows.push_back({num_full(found.pattern), std::string(dialect_name(dialect)),
                            fmt::format("index_topk_pattern={}", found.pattern),
                            rendering(config, found.pattern, dialect)});
    }
  }
  return table;
}

Table layer_table(const SearchOutcome& outcome) {
  Table table;
  table.title = "Each layer made Shared alone, all others Full";
  table.name = "search_layers";
  table.columns = {{"layer", "Layer", "", 2, Shown::everywhere, Role::identity}};
  LossFields::append_columns(table.columns);
  const LossFields losses(outcome.record);
  std::map<std::int64_t, std::array<const double*, 2>> of_layers;
  for (const SearchedFlip& flip : outcome.record.flips) {
    if (flip.method == kAloneMethod) {
      of_layers[flip.layer][std::size_t(flip.calibration)] = &flip.loss;
    }
  }
  for (const auto& [layer, loss] : of_layers) {
    std::vector<Field> row{layer};
    for (const std::int64_t calibration : {0, 1}) {
      losses.append(row, calibration, loss[std::size_t(calibration)]);
    }
    table.rows.push_back(std::move(row));
  }
  if (outcome.flip_rank_correlation) {
    table.notes.push_back(fmt::format("rank correlation of the losses on the two sets: {:.3f}",
                                      *outcome.flip_rank_correlation));
  }
  return table;
}

/// A step in short.
struct StepSummary {
  std::int64_t evaluated = 0, given_up = 0;
  const SearchedFlip* best = nullptr;  ///< of those kept
};

Table step_table(const SearchRecord& record) {
  Table table;
  table.title = "Steps";
  table.name = "search_steps";
  table.columns = {{"method", "Method", "", 2, Shown::everywhere, Role::identity},
                   {"step", "Step", "", 2, Shown::everywhere, Role::identity},
                   {"full_layers", "F layers", ""},
                   {"layer", "Made Shared", ""},
                   {"loss", "Loss", "", kLossDecimals},
                   {"added_loss", "Over all Full", "", kLossDecimals},
                   {"flips", "Flips", ""},
                   {"given_up", "Given up", ""}};
  std::map<std::pair<std::string, std::int64_t>, StepSummary> steps;
  for (const SearchedFlip& flip : record.flips) {
    if (flip.calibration != 0 || flip.method == kAloneMethod) continue;
    StepSummary& step = steps[{flip.method, flip.step}];
    ++step.evaluated;
    step.given_up += flip.given_up ? 1 : 0;
    if (flip.kept && (step.best == nullptr || flip.loss < step.best->loss)) step.best = &flip;
  }
  const LossFields losses(record);
  for (const auto& [key, step] : steps) {
    if (step.best == nullptr) continue;
    std::vector<Field> row{key.first, key.second, num_full(step.best->from_pattern) - 1,
                           step.best->layer};
    losses.append(row, 0, &step.best->loss);
    row.insert(row.end(), {step.evaluated, step.given_up});
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table front_table(const SearchOutcome& outcome) {
  Table table;
  table.title = "Of all evaluated patterns those that none beats in loss and number of F layers";
  table.name = "search_front";
  table.columns = {{"full_layers", "F layers", "", 2, Shown::everywhere, Role::identity},
                   {"loss", "Loss", "", kLossDecimals},
                   {"added_loss", "Over all Full", "", kLossDecimals},
                   {"pattern", "Pattern", ""}};
  const LossFields losses(outcome.record);
  for (const SearchedPattern& found : outcome.front) {
    std::vector<Field> row{num_full(found.pattern)};
    losses.append(row, 0, &found.loss);
    row.push_back(found.pattern);
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table work_table(const SearchOutcome& outcome) {
  Table table;
  table.title = "What the search took";
  table.name = "search_work";
  table.columns = {{"set", "Set", "", 2, Shown::everywhere, Role::identity},
                   {"questions", "Questions", ""},
                   {"answer_tokens", "Answer tokens", ""},
                   {"asked", "Losses asked for", ""},
                   {"remembered", "Known before", ""},
                   {"evaluated", "Evaluated", ""},
                   {"given_up", "Given up", ""},
                   {"layers_run", "Layers run", ""},
                   {"layers_plain", "Of whole passes", ""},
                   {"saved", "Saved", "%", 1},
                   {"seconds", "Time", "s", 1}};
  for (std::size_t set = 0; set < outcome.work.size(); ++set) {
    const SearchWork& work = outcome.work[set];
    const CalibrationWork& done = work.evaluated;
    const Field saved =
        done.layers_plain == 0
            ? Field()
            : Field(100.0 * (1.0 - double(done.layers_run) / double(done.layers_plain)));
    table.rows.push_back({std::string(set == 0 ? "searched on" : "second"), work.questions,
                          work.answer_tokens, work.asked, work.remembered, done.patterns,
                          done.given_up, done.layers_run, done.layers_plain, saved, work.seconds});
  }
  return table;
}

}  // namespace

std::vector<Table> search_tables(const SearchOutcome& outcome, const ModelConfig& config,
                                 const SearchHeading& heading) {
  std::vector<Table> tables{pattern_table(outcome.record, config, heading),
                            dialect_table(outcome.record, config),
                            layer_table(outcome),
                            step_table(outcome.record),
                            front_table(outcome),
                            work_table(outcome)};
  std::erase_if(tables, [](const Table& table) { return table.rows.empty(); });
  return tables;
}

}  // namespace dsabench
