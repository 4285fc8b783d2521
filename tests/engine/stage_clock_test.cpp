#include "engine/stage_clock.h"

#include <map>
#include <thread>

#include "tests/support/engine_runs.h"
#include "tests/support/idle_queue.h"

namespace dsabench::test {
namespace {

/// Adds up what it is told.
class Spans final : public StageObserver {
 public:
  void on_enter(std::int64_t layer, Stage stage, Time at) override {
    end(at);
    layer_ = layer;
    stage_ = stage;
    begin_ = at;
    open_ = true;
    ++num_enters;
  }
  void on_leave(Time at) noexcept override {
    end(at);
    ++num_leaves;
  }
  std::int64_t of(std::int64_t layer, Stage stage) { return sums_[{layer, stage}]; }
  std::int64_t num_enters = 0, num_leaves = 0;

 private:
  void end(Time at) {
    if (open_) sums_[{layer_, stage_}] += (at - begin_).count();
    open_ = false;
  }
  std::map<std::pair<std::int64_t, Stage>, std::int64_t> sums_;
  bool open_ = false;
  std::int64_t layer_ = 0;
  Stage stage_ = Stage::other;
  Time begin_;
};

TEST_CASE("the spans that an observer is told add up to the clock's times, to the nanosecond") {
  DSABENCH_SEEDED(random);
  StageClock clock(3);
  Spans spans;
  clock.observe(&spans);
  for (int i = 0; i < 200; ++i) {
    if (random.integer(0, 9) == 0) clock.leave();
    clock.enter(random.integer(-1, 2), static_cast<Stage>(random.integer(0, kNumStages - 1)));
    if (i % 20 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  clock.leave();
  CHECK(spans.num_enters == 200);
  CHECK(clock.total_nanoseconds() > 500'000);
  for (std::int64_t layer = -1; layer < 3; ++layer) {
    for (int stage = 0; stage < kNumStages; ++stage) {
      const auto of = static_cast<Stage>(stage);
      CHECK(spans.of(layer, of) == clock.nanoseconds(layer, of));
    }
  }
  clock.observe(nullptr);
  clock.enter(0, Stage::moe);
  clock.leave();
  CHECK(spans.num_enters == 200);
}

TEST_CASE("on a device an observer is told of each change once, and no mark is added for it") {
  IdleQueue queue;
  StageClock clock(2, &queue);
  const auto pass = [&] {
    clock.enter(0, Stage::moe);
    clock.enter(0, Stage::moe);
    clock.enter(1, Stage::moe);
    clock.leave();
    clock.leave();
    return queue.num_marks();
  };
  CHECK(pass() == 3);
  clock.reset();
  CHECK(queue.num_marks() == 0);
  Spans spans;
  clock.observe(&spans);
  CHECK(pass() == 3);
  CHECK(spans.num_enters == 2);
  CHECK(spans.num_leaves == 1);
  CHECK(clock.nanoseconds(0, Stage::moe) == 1000);
  CHECK(clock.nanoseconds(1, Stage::moe) == 1000);
}

TEST_CASE("what is marked while a queue records counts when it is replayed") {
  IdleQueue queue;
  StageClock clock(2, &queue);
  const auto pass = [&] {
    clock.enter(0, Stage::moe);
    clock.enter(1, Stage::moe);
    clock.leave();
  };
  pass();
  clock.begin_recording();
  pass();
  pass();
  const StageClock::Recording recording = clock.end_recording();
  CHECK(clock.nanoseconds(0, Stage::moe) == 1000);
  for (std::int64_t replay = 1; replay < 4; ++replay) {
    clock.add(recording);
    CHECK(clock.nanoseconds(0, Stage::moe) == 1000 + 2000 * replay);
    CHECK(clock.nanoseconds(1, Stage::moe) == 1000 + 2000 * replay);
  }
  clock.reset();
  CHECK(clock.total_nanoseconds() == 0);
  clock.add(recording);
  CHECK(clock.total_nanoseconds() == 4000);
}

TEST_CASE("a device that is not to be marked is not, while an observer is told all the same") {
  IdleQueue queue;
  StageClock clock(1, &queue);
  Spans spans;
  clock.observe(&spans);
  CHECK(clock.is_marking());
  clock.set_marking(false);
  clock.enter(0, Stage::moe);
  clock.leave();
  CHECK(queue.num_marks() == 0);
  CHECK(clock.total_nanoseconds() == 0);
  CHECK(spans.num_enters == 1);
  clock.set_marking(true);
  clock.enter(0, Stage::moe);
  clock.leave();
  CHECK(clock.total_nanoseconds() == 1000);
}

}  // namespace
}  // namespace dsabench::test
