#include "train/batch.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <numeric>

#include "suites/facts/task_list.h"
#include "suites/facts/training_sequence.h"

namespace dsabench::train {
namespace {

const Level& draw_level(const Course& course, const CounterRandom& random) {
  double total = 0;
  for (const Level& level : course.levels) total += level.weight;
  double left = double(random.at(0) >> 11) * 0x1p-53 * total;
  for (const Level& level : course.levels) {
    left -= level.weight;
    if (left < 0) return level;
  }
  return course.levels.back();
}

/// The tasks a sequence of a level may be of: one that fits, or all.
facts::TrainingMix mix_of(const Level& level, std::uint64_t draw) {
  facts::TrainingMix mix{level.tasks, level.records, level.queries, level.every_question};
  if (level.one_task && !level.tasks.empty()) {
    mix.tasks = {level.tasks[draw % level.tasks.size()]};
  } else if (level.one_task) {
    const auto tasks = facts::all_tasks();
    mix.tasks = {tasks[draw % tasks.size()].name};
  }
  return mix;
}

}  // namespace

Batch make_batch(const Plan& plan, std::size_t stage_index, std::int64_t step) {
  const Stage& stage = plan.stages[stage_index];
  const CounterRandom of_stage =
      CounterRandom(plan.seed).stream("training").stream(std::uint64_t(stage_index));
  const CounterRandom of_step = of_stage.stream(std::uint64_t(step));
  Batch batch;
  batch.level = &draw_level(stage.course(step), of_step.stream("level"));
  const std::int64_t length = batch.level->length, sequences = stage.tokens_per_step / length;
  batch.tokens = at::empty({sequences, length}, at::kLong);
  batch.is_target = at::empty({sequences, length}, at::kBool);
  const CounterRandom tasks = of_step.stream("tasks");
  const std::uint64_t seed = of_step.stream("problems").at(0);
  at::parallel_for(0, sequences, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto index = static_cast<std::uint64_t>(i);
      const auto sequence = facts::make_training_sequence(
          {seed, facts::Split::training, index}, length, mix_of(*batch.level, tasks.at(index)));
      std::copy(sequence.tokens.begin(), sequence.tokens.end(),
                batch.tokens.data_ptr<std::int64_t>() + i * length);
      std::copy(sequence.is_answer.begin(), sequence.is_answer.end(),
                batch.is_target.data_ptr<bool>() + i * length);
    }
  });
  return batch;
}

}  // namespace dsabench::train
