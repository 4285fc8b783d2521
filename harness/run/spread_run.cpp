#include "harness/run/spread_run.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

#include "harness/run/time_limit.h"
#include "harness/run/worker_process.h"
#include "kernels/base/error.h"
#include "kernels/simd/cpu_runtime.h"

namespace dsabench {
namespace {

/// How soon an interruption is noticed.
constexpr int kPollMilliseconds = 200;

/// Exit codes of the tool that say more than that a run failed.
constexpr int kUsageCode = 2, kDatabaseCode = 8;

/// What cells share whose times are held against each other. The number of sequences that memory
/// holds follows from the pattern.
std::string compared_group(Cell cell) {
  cell.pattern.clear();
  cell.whole_pattern.clear();
  if (cell.prompts == kOnePrompt) cell.batch = 0;
  return canonical_json(cell);
}

std::string end_text(int code) {
  return code < 0 ? fmt::format("signal {}", -code) : fmt::format("exit code {}", code);
}

}  // namespace

struct SpreadRun::Worker {
  enum class State { loading, loaded, idle, busy, leaving, gone };

  Worker(Device its_device, const SpreadOptions& options, int num_threads)
      : device(its_device),
        process(
            options.program,
            {"worker", "--device", device.name(), "--db", options.database, "--progress", "plain"},
            {fmt::format("OMP_NUM_THREADS={}", num_threads),
             fmt::format("OPENBLAS_NUM_THREADS={}", num_threads)}) {}

  bool is_gone() const { return state == State::gone; }

  Device device;
  WorkerProcess process;
  State state = State::loading;
  ModelIdentity model;
  TrialTask task;          ///< while busy
  std::string last_words;  ///< the last line on its stderr
  int exit_code = 0;
};

SpreadRun::SpreadRun(const RunPlan& plan, const SpreadOptions& options, Progress& progress)
    : plan_(plan), progress_(progress) {
  const auto count = static_cast<int>(options.devices.size());
  const int threads = std::max(1, cpu_runtime().threads / count);
  for (const Device device : options.devices) {
    const bool is_first = workers_.empty();
    workers_.push_back(std::make_unique<Worker>(device, options, threads));
    // The GPUs are alike: the first one's ceilings are those of all.
    workers_.back()->process.send(
        to_line(WorkerPlan{plan_json(plan), count, is_first, is_first && options.ceilings}));
  }
}

SpreadRun::~SpreadRun() = default;

bool SpreadRun::all(bool (*holds)(const Worker&)) const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [holds](const auto& worker) { return holds(*worker); });
}

void SpreadRun::kill() const {
  for (const auto& worker : workers_) worker->process.kill();
}

std::vector<std::int64_t> SpreadRun::process_ids() const {
  std::vector<std::int64_t> ids;
  for (const auto& worker : workers_) ids.push_back(worker->process.id());
  return ids;
}

/// What workers have said since the last time, once there is something or a while has passed.
SpreadRun::Outcomes SpreadRun::wait_for_news() {
  std::vector<pollfd> polled;
  for (const auto& worker : workers_) {
    for (const int descriptor : worker->process.open_descriptors()) {
      polled.push_back({descriptor, POLLIN, 0});
    }
  }
  ::poll(polled.data(), polled.size(), kPollMilliseconds);
  Outcomes outcomes;
  for (const auto& worker : workers_) {
    if (!worker->is_gone()) read(*worker, outcomes);
  }
  return outcomes;
}

void SpreadRun::read(Worker& worker, Outcomes& outcomes) {
  const WorkerProcess::Lines lines = worker.process.read();
  for (const std::string& line : lines.err) {
    progress_.message(worker.device.name() + ": " + line);
    worker.last_words = line;
  }
  for (const std::string& line : lines.out) {
    if (worker.state == Worker::State::loading) {
      worker.model = parse_worker_model(line);
      worker.state = Worker::State::loaded;
    } else {
      outcomes.emplace_back(worker.task, parse_ended_trial(line));
      worker.state = Worker::State::idle;
    }
  }
  if (worker.process.ended()) note_end(worker);
}

void SpreadRun::note_end(Worker& worker) {
  worker.exit_code = worker.process.wait();
  const bool at_work = worker.state == Worker::State::busy;
  if (worker.exit_code != 0 || at_work) {
    progress_.message(fmt::format("{}: its worker ended with {}{}", worker.device.name(),
                                  end_text(worker.exit_code), at_work ? " during a trial" : ""));
  }
  worker.state = Worker::State::gone;
}

ModelIdentity SpreadRun::wait_until_loaded() {
  while (!all([](const Worker& worker) { return worker.state != Worker::State::loading; })) {
    wait_for_news();
  }
  const Worker* first = nullptr;
  for (const auto& worker : workers_) {
    if (worker->is_gone()) continue;
    if (first == nullptr) first = worker.get();
    if (worker->model.id == first->model.id) continue;
    throw Error(fmt::format("{} and {} have loaded different models: {}, {}", first->device.name(),
                            worker->device.name(), first->model.json, worker->model.json));
  }
  if (first != nullptr) return first->model;
  const Worker& last = *workers_.back();
  const std::string text =
      fmt::format("no worker has loaded the model; {}: {}", last.device.name(), last.last_words);
  if (last.exit_code == kUsageCode) throw InvalidArgument(text);
  if (last.exit_code == kDatabaseCode) throw StoreError(text);
  throw Error(text);
}

/// The next trial for a worker: of cells that are compared with what it has measured, or that
/// nobody has begun with; none where the others have what is left.
std::optional<TrialTask> SpreadRun::take_task(const Worker& worker) {
  for (auto task = left_.begin(); task != left_.end(); ++task) {
    const Worker*& owner = compared_on_[compared_group(plan_.sweep.entries[task->entry].cell)];
    if (owner != nullptr && owner != &worker && !owner->is_gone()) continue;
    owner = &worker;
    const TrialTask taken = *task;
    left_.erase(task);
    return taken;
  }
  return std::nullopt;
}

RunSummary SpreadRun::run(const WorkerRun& run, const std::vector<TrialTask>& tasks,
                          const std::function<bool()>& interrupted, TimeLimit* time_limit) {
  RunSummary summary{.run_id = run.run_id, .status = "done"};
  const std::int64_t total = std::ssize(plan_.sweep.entries) * plan_.repeats;
  left_.assign(tasks.begin(), tasks.end());
  const auto cell_of = [&](const TrialTask& task) -> const Cell& {
    return plan_.sweep.entries[task.entry].cell;
  };
  bool stop = false;
  const auto may_begin = [&](const TrialTask& task) {
    if (interrupted()) return false;
    if (time_limit == nullptr) return true;
    const std::optional<std::string> refusal = time_limit->refusal(cell_of(task));
    if (!refusal) return true;
    progress_.message(*refusal);
    summary.out_of_time = true;
    return false;
  };
  const auto hand_out = [&](Worker& worker) {
    const std::int64_t index = total - std::ssize(left_);
    const std::optional<TrialTask> task = stop ? std::nullopt : take_task(worker);
    if (task && may_begin(*task)) {
      worker.task = *task;
      worker.state = Worker::State::busy;
      worker.process.send(to_line(WorkerTrial{*task, index, total}));
      return;
    }
    if (task) {
      left_.push_front(*task);
      stop = true;
    }
    // What others would leave behind may still become this one's: it stays until nothing is left.
    if (!stop && !left_.empty()) return;
    worker.process.close_input();
    worker.state = Worker::State::leaving;
  };

  for (const auto& worker : workers_) {
    if (worker->is_gone()) continue;
    worker->process.send(to_line(run));
    worker->state = Worker::State::idle;
  }
  while (!all([](const Worker& worker) { return worker.is_gone(); })) {
    for (const auto& worker : workers_) {
      if (worker->state == Worker::State::idle) hand_out(*worker);
    }
    for (const auto& [task, ended] : wait_for_news()) {
      if (time_limit == nullptr) continue;
      time_limit->add(cell_of(task), ended.cost, ended.outcome == TrialOutcome::ok);
    }
  }
  for (const auto& worker : workers_) {
    if (worker->exit_code == kDatabaseCode) throw StoreError(worker->last_words);
  }
  if (!left_.empty()) summary.status = stop ? "interrupted" : "failed";
  return summary;
}

}  // namespace dsabench
