#include <fmt/format.h>

#include <algorithm>

#include "results/compare/quality_difference.h"
#include "results/report/fields.h"
#include "results/report/reproduction_setting.h"
#include "results/report/task_scores.h"

namespace dsabench {
namespace {

using published::index_cache;
using published::QualityRow;
using published::QualityTable;
using report::CellView;
using report::naming;
using report::nonempty;
using report::TaskScore;
using report::varying;

constexpr std::uint64_t kResamplingSeed = 1;
constexpr std::int64_t kNumResamples = 10'000;

/// A published table, and how many of its first columns stand beside ours.
struct Published {
  const QualityTable& table;
  std::size_t num_columns = 1;
};

bool is_dense(const CellView& view) {
  return !report::canonical_field(view.cell(), "dense_attention").empty();
}

/// What a row is called where the published ones are named alike: "dense", "DSA", "uniform".
std::string kind_of(const CellView& view) {
  if (is_dense(view)) return "dense";
  return report::is_all_full(view.cell().pattern) ? "DSA" : view.planned->pattern_origin;
}

/// The first quality cell of a context of that kind; null: none.
const CellView* cell_of_kind(const std::vector<CellView>& views, std::int64_t context,
                             const char* kind) {
  const auto found = std::find_if(views.begin(), views.end(), [&](const CellView& view) {
    return view.quality && view.ok && view.cell().context_tokens == context &&
           kind_of(view) == kind;
  });
  return found == views.end() ? nullptr : &*found;
}

/// Which tasks count at a context, and what decided that.
struct SolvedTasks {
  std::vector<std::string> solved;
  std::vector<std::string> others;  ///< with their scores: "graph_bfs 0.31"
  std::string judges;               ///< "dense attention or all layers Full"
};

/// A task counts that either solves: a model trained with dense attention does better with that,
/// one that was trained on with its indexers without.
SolvedTasks solved_tasks(const std::vector<CellView>& views, std::int64_t context) {
  constexpr std::pair<const char*, const char*> kJudges[] = {{"dense", "dense attention"},
                                                             {"DSA", "all layers Full"}};
  SolvedTasks tasks;
  std::vector<TaskScore> best;
  for (const auto& [kind, name] : kJudges) {
    const CellView* judge = cell_of_kind(views, context, kind);
    if (judge == nullptr) continue;
    tasks.judges += (tasks.judges.empty() ? "" : " or ") + std::string(name);
    for (const TaskScore& score : report::task_scores(*judge)) {
      const auto known = std::find_if(best.begin(), best.end(), [&](const TaskScore& other) {
        return other.task == score.task;
      });
      if (known == best.end()) {
        best.push_back(score);
      } else if (known->mean < score.mean) {
        *known = score;
      }
    }
  }
  for (const TaskScore& score : best) {
    if (score.mean >= kSolvedScore) {
      tasks.solved.push_back(score.task);
    } else {
      tasks.others.push_back(fmt::format("{} {:.2f}", score.task, score.mean));
    }
  }
  return tasks;
}

std::vector<Column> quality_columns(const Published& paper) {
  using enum Shown;
  std::vector<Column> all = {varying("model", "model"),
                             varying("device", "device"),
                             varying("dtype", "dtype"),
                             varying("indexer_mode", "indexer"),
                             varying("suite", "suite"),
                             varying("context_tokens", "context"),
                             naming("kind", "pattern of"),
                             {"nominal_retention", "retention", "", 0, everywhere},
                             {"full_layers", "F layers", "", 0, in_data},
                             {"layers", "layers", "", 0, in_data},
                             {"realised", "F layers", "", 0, in_markdown},
                             {"tasks", "tasks", "", 0, where_it_varies},
                             {"items", "items", "", 0, everywhere},
                             {"ours", "ours", "", 1, in_data},
                             {"ours_low", "ours, low", "", 1, in_data},
                             {"ours_high", "ours, high", "", 1, in_data},
                             {"ours_text", "ours × 100 (95 %)", "", 0, in_markdown},
                             {"difference", "against DSA", "", 1, in_data},
                             {"difference_low", "against DSA, low", "", 1, in_data},
                             {"difference_high", "against DSA, high", "", 1, in_data},
                             {"difference_text", "against DSA (95 %, paired)", "", 0, in_markdown},
                             {"better", "better", "items", 0, in_data},
                             {"worse", "worse", "items", 0, in_data}};
  for (std::size_t i = 0; i < paper.num_columns; ++i) {
    const std::string& suite = paper.table.suites[i];
    const std::string key = "published_" + report::column_key(suite);
    all.push_back({key, "published: " + suite, "", 1, everywhere});
    all.push_back({key + "_difference", suite + " against DSA", "", 1, everywhere});
  }
  all.insert(all.end(), {{"pattern", "pattern", "", 0, in_data, Role::identity},
                         {"state", "state", "", 0, in_data, Role::state},
                         {"outcome", "outcome", "", 0, everywhere, Role::outcome}});
  return all;
}

void append_ours(std::vector<Field>& fields, const CellView& view, const SolvedTasks& tasks) {
  std::vector<TaskScore> scores = report::task_scores(view);
  if (!tasks.solved.empty()) {
    std::erase_if(scores, [&](const TaskScore& score) {
      return std::find(tasks.solved.begin(), tasks.solved.end(), score.task) == tasks.solved.end();
    });
  }
  if (!view.ok || scores.empty()) {
    fields.insert(fields.end(), {Field(), Field(), Field(), Field(), Field(), view.outcome});
    return;
  }
  const TaskScore mean = report::mean_over_tasks(scores);
  const double score = 100 * mean.mean;
  const double low = 100 * mean.interval.low, high = 100 * mean.interval.high;
  fields.insert(fields.end(), {std::ssize(scores), mean.num_items, score, low, high,
                               fmt::format("{:.1f} ({:.1f}–{:.1f})", score, low, high)});
}

/// `base`: all F; null: there is none.
void append_difference(std::vector<Field>& fields, const CellView& view, const CellView* base,
                       const SolvedTasks& tasks) {
  if (!view.ok || base == nullptr || base == &view) {
    fields.resize(fields.size() + 6);
    return;
  }
  const auto differences =
      compare::score_differences(*base, view, kResamplingSeed, kNumResamples, tasks.solved);
  if (differences.empty() || differences.back().num_items == 0) {
    fields.resize(fields.size() + 6);
    return;
  }
  const compare::ScoreDifference& mean = differences.back();
  const double low = 100 * mean.interval.low, high = 100 * mean.interval.high;
  fields.insert(fields.end(),
                {100 * mean.difference, low, high,
                 fmt::format("{:+.1f} ({:+.1f} to {:+.1f})", 100 * mean.difference, low, high),
                 mean.num_better, mean.num_worse});
}

void append_published(std::vector<Field>& fields, const CellView& view, const Published& paper) {
  const QualityRow* row = paper.table.row_of(kind_of(view), view.planned->nominal_retention);
  const QualityRow* base = paper.table.row_of("DSA", "1");
  for (std::size_t i = 0; i < paper.num_columns; ++i) {
    fields.push_back(row ? Field(row->scores[i]) : Field());
    fields.push_back(row && base && row != base ? Field(row->scores[i] - base->scores[i])
                                                : Field());
  }
}

std::vector<Field> row_of(const CellView& view, const std::vector<CellView>& views,
                          const Published& paper) {
  const CellRecord& cell = view.cell();
  const SolvedTasks tasks = solved_tasks(views, cell.context_tokens);
  const auto layers = static_cast<std::int64_t>(cell.pattern.size());
  const auto full =
      static_cast<std::int64_t>(std::count(cell.pattern.begin(), cell.pattern.end(), 'F'));
  std::vector<Field> fields = {nonempty(cell.model),
                               nonempty(cell.device_kind),
                               nonempty(cell.dtype),
                               nonempty(cell.indexer_mode),
                               nonempty(cell.suite),
                               cell.context_tokens,
                               kind_of(view),
                               nonempty(view.planned->nominal_retention),
                               full,
                               layers,
                               fmt::format("{}/{}", full, layers)};
  append_ours(fields, view, tasks);
  append_difference(fields, view, cell_of_kind(views, cell.context_tokens, "DSA"), tasks);
  append_published(fields, view, paper);
  fields.insert(fields.end(),
                {cell.pattern, std::string(report::state_name(view.state)), view.outcome});
  return fields;
}

std::string tasks_note(const SolvedTasks& tasks, std::int64_t context) {
  const std::string by =
      fmt::format("{:.2f} with {} at {} tokens", kSolvedScore, tasks.judges, context);
  if (tasks.solved.empty()) {
    return fmt::format("no task is solved ({}): ours are means over all tasks", by);
  }
  return fmt::format(
      "tasks solved ({}), which ours are means over: {}; not learned: {}", by,
      fmt::join(tasks.solved, ", "),
      tasks.others.empty() ? "none" : fmt::format("{}", fmt::join(tasks.others, ", ")));
}

void append_notes(Table& table, std::span<const ReproductionRun> runs,
                  const std::vector<CellView>& views, const Published& paper) {
  std::vector<std::int64_t> contexts;
  for (const CellView& view : views) {
    const std::int64_t context = view.cell().context_tokens;
    if (!view.quality || std::find(contexts.begin(), contexts.end(), context) != contexts.end()) {
      continue;
    }
    contexts.push_back(context);
    table.notes.push_back(tasks_note(solved_tasks(views, context), context));
  }
  table.notes.push_back(
      "ours: Wilson intervals, put together over tasks; differences are item by item, their "
      "intervals from a bootstrap over items");
  table.notes.push_back(fmt::format(
      "another model and other questions than the paper's ({}): the shapes of the tables can be "
      "held against each other, their figures cannot",
      paper.table.setting));
  table.notes.push_back(report::origin_note(paper.table.origin));
  std::vector<std::string>& notes = table.notes;
  for (const ReproductionRun& run : runs) {
    Table of_run;
    report::append_run_notes(of_run, run.results.run);
    for (std::string& note : of_run.notes) {
      if (std::find(notes.begin(), notes.end(), note) == notes.end()) {
        notes.push_back(std::move(note));
      }
    }
  }
}

/// The first run's model is what the others are held against.
Table reproduction_of(const char* name, const std::string& title,
                      std::span<const ReproductionRun> runs, const Published& paper) {
  Table table;
  table.name = name;
  table.title = fmt::format("{}: ours on {}; published: {}", title,
                            report::our_hardware(runs.front()), paper.table.setting);
  table.columns = quality_columns(paper);
  std::vector<CellView> views;
  for (const ReproductionRun& run : runs) {
    for (CellView& view : report::view_cells(run.results)) views.push_back(std::move(view));
  }
  for (const CellView& view : views) {
    if (view.quality) table.rows.push_back(row_of(view, views, paper));
  }
  append_notes(table, runs, views, paper);
  return table;
}

}  // namespace

Table reproduction_of_table2(const ReproductionRun& run) {
  return reproduction_of("reproduce_table2", "Quality of patterns that nothing was trained for",
                         {&run, 1}, {index_cache().training_free, 2});
}

Table reproduction_of_table3(std::span<const ReproductionRun> runs) {
  Table table = reproduction_of("reproduce_table3", "Quality of models trained for a pattern", runs,
                                {index_cache().trained, 2});
  table.notes.insert(table.notes.begin(),
                     "trained: for that uniform pattern; control: for as long with its own layers' "
                     "loss alone; uniform: the base model, which was trained for none");
  return table;
}

Table reproduction_of_table5(const ReproductionRun& run) {
  return reproduction_of("reproduce_table5", "Quality of patterns found by similarity", {&run, 1},
                         {index_cache().similarity, 1});
}

}  // namespace dsabench
