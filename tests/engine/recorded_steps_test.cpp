#include "engine/recorded_steps.h"

#include "tests/support/catch.h"
#include "tests/support/idle_queue.h"

namespace dsabench::test {
namespace {

RecordedSteps::Key key(std::int64_t capacity) { return {{{nullptr, capacity, nullptr}}, false}; }

RecordedStep step(IdleQueue& queue) {
  RecordedStep step;
  step.graph = queue.record([] {});
  return step;
}

TEST_CASE("a recorded step is found by all that it was recorded with") {
  IdleQueue queue;
  RecordedSteps steps(&queue);
  const int memory[2] = {};
  const RecordedSteps::Key known{{{&memory[0], 64, &memory[1]}, {&memory[1], 128, nullptr}}, true};
  CHECK(steps.find(known) == nullptr);
  steps.add(known, step(queue));
  REQUIRE(steps.find(known) != nullptr);
  CHECK(steps.find(known)->graph != nullptr);

  RecordedSteps::Key other = known;
  other.rows[1].block_table = &memory[0];
  CHECK(steps.find(other) == nullptr);
  other = known;
  other.rows[0].capacity = 128;
  CHECK(steps.find(other) == nullptr);
  other = known;
  other.rows[0].logits = nullptr;
  CHECK(steps.find(other) == nullptr);
  other = known;
  other.has_marks = false;
  CHECK(steps.find(other) == nullptr);
  other = known;
  other.rows.pop_back();
  CHECK(steps.find(other) == nullptr);
  CHECK(steps.find(known) != nullptr);
}

TEST_CASE("recorded steps are dropped once memory changed hands, but for those made since") {
  IdleQueue queue;
  RecordedSteps steps(&queue);
  steps.add(key(1), step(queue));
  ++queue.epoch;
  CHECK(steps.find(key(1)) == nullptr);
  // A first step takes its scratch after it was looked for, and is recorded then.
  ++queue.epoch;
  steps.add(key(2), step(queue));
  CHECK(steps.find(key(2)) != nullptr);
  CHECK(steps.find(key(2)) != nullptr);
  steps.add(key(3), step(queue));
  ++queue.epoch;
  steps.add(key(4), step(queue));
  CHECK(steps.find(key(2)) == nullptr);
  CHECK(steps.find(key(3)) == nullptr);
  CHECK(steps.find(key(4)) != nullptr);
}

TEST_CASE("the recorded steps that are kept are those used last") {
  IdleQueue queue;
  RecordedSteps steps(&queue);
  const auto most = static_cast<std::int64_t>(RecordedSteps::kMost);
  for (std::int64_t i = 0; i < most; ++i) steps.add(key(i), step(queue));
  CHECK(steps.find(key(0)) != nullptr);
  steps.add(key(most), step(queue));
  CHECK(steps.find(key(1)) == nullptr);
  for (std::int64_t i = 0; i <= most; ++i) CHECK((steps.find(key(i)) != nullptr) == (i != 1));
}

}  // namespace
}  // namespace dsabench::test
