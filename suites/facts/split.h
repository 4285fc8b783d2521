#pragma once
#include <cstdint>

#include "suites/facts/task_list.h"

namespace dsabench::facts {

/// What a problem may be used for. No problem of one split has the statements of one of another,
/// whatever the seeds: a hash of the statements says where they belong, and problems of a split are
/// drawn until they do.
enum class Split { training, calibration, test };

/// Where a problem with these statements belongs: half of all to training, a quarter to each of the
/// others.
Split split_of(const Problem& problem);

/// Which problem of a task.
struct ProblemKey {
  std::uint64_t seed = 0;
  Split split = Split::test;
  std::uint64_t index = 0;
};

/// What is drawn for a task at a key; its children are free for the problem's surroundings.
CounterRandom problem_random(const NamedTask& task, const ProblemKey& key);

/// The problem at a key, a pure function of the arguments. `size.records` beyond the task's range
/// is moved into it.
Problem make_problem(const NamedTask& task, const ProblemKey& key, const ProblemSize& size);

}  // namespace dsabench::facts
