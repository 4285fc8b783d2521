/// A sweep over several devices: who gets which trial, and what is left of one whose worker goes
/// away. The workers of the first tests are shell scripts, those of the last ones the tool.
#include "harness/run/spread_run.h"

#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <thread>

#include "harness/cli/exit_codes.h"
#include "harness/plan/sweep_text.h"
#include "harness/run/environment.h"
#include "harness/run/time_limit.h"
#include "tests/harness/stored_runs.h"
#include "tests/harness/tool_process.h"

namespace dsabench {
namespace {

using test::contains;
using test::ScratchFolder;

RunPlan tiny_plan(std::int64_t repeats) {
  RunPlan plan;
  plan.model = test::tiny_request();
  const ModelConfig config = resolve_model_config(plan.model);
  SweepAxes axes = axes_for(plan.model);
  axes.suites = {&find_suite("speed")};
  axes.contexts = {32, 64};
  axes.decode_tokens = 2;
  axes.patterns =
      choose_patterns(config, {}, {Retention::parse("1"), Retention::parse("1/3")}, std::nullopt);
  plan.sweep = make_sweep_plan(config, axes);
  plan.repeats = repeats;
  return plan;
}

class RecordingProgress final : public Progress {
 public:
  void message(const std::string& text) override { text_ += text + '\n'; }
  void run_started(const std::string&, std::int64_t, double) override {}
  void trial_started(const TrialPosition&, const Cell&) override {}
  void step(const std::string&) override {}
  void trial_finished(const TrialPosition&, const Cell&, const TrialRecord&) override {}
  void run_finished(const std::string&) override {}
  void silence() override {}
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Workers that are a shell script, called as the tool would be: $3 is the device, $5 the database,
/// beside which they note what they are told.
class ScriptedWorkers {
 public:
  /// `at_trial`: what the script does with each trial before it says that it ended; `loads`: what
  /// it does once it has its plan.
  explicit ScriptedWorkers(const std::string& at_trial, std::int64_t repeats = 3,
                           const std::string& loads = load_line("m"))
      : plan_(tiny_plan(repeats)), tasks_(all_trials(plan_.sweep, repeats)) {
    const std::string script = folder_ / "worker";
    test::write_text(
        script,
        "#!/bin/sh\n"
        "read -r plan\n"
        "printf '%s\\n' \"$plan\" > $5.plan.$3\n" +
            loads +
            "\n"
            "read run\n"
            "echo \"$run\" > $5.run.$3\n"
            "while read trial; do\n"
            "echo \"$trial\" >> $5.trials.$3\n" +
            at_trial +
            "\necho '{\"outcome\":\"ok\",\"seconds\":1.5,\"pass_seconds\":0.5,\"passes\":2}'\n"
            "done\n");
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    SpreadOptions options{
        {Device::parse("cuda:0"), Device::parse("cuda:1")}, script, folder_ / "db", true};
    run_.emplace(plan_, options, progress_);
  }
  static std::string load_line(const std::string& id) {
    return "echo '{\"model_id\":\"" + id + "\",\"model_json\":\"{}\",\"synthetic\":true}'";
  }

  SpreadRun& spread() { return *run_; }
  std::string said() const { return progress_.text(); }
  const std::vector<TrialTask>& tasks() const { return tasks_; }
  RunSummary go(
      const std::function<bool()>& interrupted = [] { return false; }, TimeLimit* limit = nullptr) {
    spread().wait_until_loaded();
    return spread().run({"the-run", {"m2", ""}}, tasks_, interrupted, limit);
  }
  std::string told(const std::string& what, const std::string& device) const {
    const std::string file = folder_ / ("db." + what + "." + device);
    return std::filesystem::exists(file) ? test::read_text(file) : std::string();
  }
  std::vector<WorkerTrial> trials_of(const std::string& device) const {
    std::vector<WorkerTrial> trials;
    std::istringstream lines(told("trials", device));
    for (std::string line; std::getline(lines, line);) trials.push_back(parse_worker_trial(line));
    return trials;
  }
  const Cell& cell_of(const WorkerTrial& trial) const {
    return plan_.sweep.entries.at(trial.task.entry).cell;
  }
  /// Tasks that were handed out, by both, in the order of their indices.
  std::vector<TrialTask> handed_out() const {
    std::map<std::int64_t, TrialTask> by_index;
    for (const char* device : {"cuda:0", "cuda:1"}) {
      for (const WorkerTrial& trial : trials_of(device)) {
        CHECK(trial.total == std::ssize(tasks_));
        CHECK(by_index.emplace(trial.index, trial.task).second);
      }
    }
    std::vector<TrialTask> tasks;
    for (const auto& [index, task] : by_index) {
      CHECK(index == std::ssize(tasks));
      tasks.push_back(task);
    }
    return tasks;
  }

 private:
  ScratchFolder folder_;
  RunPlan plan_;
  std::vector<TrialTask> tasks_;
  RecordingProgress progress_;
  std::optional<SpreadRun> run_;
};

bool is_permutation_of(const std::vector<TrialTask>& a, const std::vector<TrialTask>& b) {
  return a.size() == b.size() && std::is_permutation(a.begin(), a.end(), b.begin());
}

TEST_CASE("every trial is handed out once, to whichever worker is free") {
  // cuda:0 is as slow as it takes: cuda:1 has had all other cells, three quarters of 24 trials.
  ScriptedWorkers workers(
      "until [ $3 = cuda:1 ] || [ $(cat $5.trials.cuda:1 | wc -l) = 18 ]; do sleep 0.01; done "
      "2>/dev/null");
  REQUIRE(workers.tasks().size() == 24);
  const RunSummary summary = workers.go();
  CHECK(summary.status == "done");
  CHECK(is_permutation_of(workers.handed_out(), workers.tasks()));
  // Four groups of cells that differ in pattern alone: the slow worker has begun with one of them.
  CHECK(workers.trials_of("cuda:0").size() == workers.tasks().size() / 4);
  for (const WorkerTrial& slow : workers.trials_of("cuda:0")) {
    CHECK(workers.cell_of(slow).context_tokens == 32);
    CHECK(workers.cell_of(slow).phase == Phase::prefill);
  }

  for (const std::string device : {"cuda:0", "cuda:1"}) {
    const WorkerPlan plan = parse_worker_plan(workers.told("plan", device));
    CHECK(plan.plan_json == plan_json(tiny_plan(3)));
    CHECK(plan.num_workers == 2);
    CHECK(plan.is_first == (device == "cuda:0"));
    CHECK(plan.ceilings == plan.is_first);
    const WorkerRun run = parse_worker_run(workers.told("run", device));
    CHECK(run.run_id == "the-run");
    CHECK(run.own.machine_id == "m2");
  }
}

TEST_CASE("a worker that goes away costs its trial, and the others go on") {
  ScriptedWorkers workers("[ $3 = cuda:1 ] && kill -KILL $$; sleep 0.02");
  const RunSummary summary = workers.go();
  CHECK(summary.status == "done");
  CHECK(is_permutation_of(workers.handed_out(), workers.tasks()));
  CHECK(workers.trials_of("cuda:1").size() == 1);
  CHECK(contains(workers.said(), "cuda:1: its worker ended with signal 9 during a trial"));
}

TEST_CASE("a run that no worker is left to run has failed") {
  ScriptedWorkers workers("echo 'dsabench: no more' >&2; exit 5");
  const RunSummary summary = workers.go();
  CHECK(summary.status == "failed");
  CHECK(exit_code_of(summary) == ExitCode::run_failed);
  CHECK(workers.handed_out().size() == 2);
  CHECK(contains(workers.said(), "cuda:0: dsabench: no more"));
  CHECK(contains(workers.said(), "cuda:0: its worker ended with exit code 5 during a trial"));
}

TEST_CASE("a worker that cannot write its results ends the run as the database's error") {
  ScriptedWorkers workers("echo 'dsabench: disk full' >&2; exit 8");
  CHECK(contains(test::message_of<StoreError>([&] { workers.go(); }), "disk full"));
}

TEST_CASE("a worker that cannot load leaves the run to the others") {
  ScriptedWorkers workers("true", 3,
                          "[ $3 = cuda:1 ] && { echo 'dsabench: too small' >&2; exit 2; }\n" +
                              ScriptedWorkers::load_line("m"));
  const RunSummary summary = workers.go();
  CHECK(summary.status == "done");
  CHECK(workers.trials_of("cuda:0").size() == workers.tasks().size());
  CHECK(contains(workers.said(), "cuda:1: its worker ended with exit code 2"));
}

TEST_CASE("where no worker can load, the last one's words are the error") {
  ScriptedWorkers usage("true", 1, "echo 'dsabench: no such model' >&2; exit 2");
  CHECK(contains(test::message_of<InvalidArgument>([&] { usage.go(); }), "no such model"));
  ScriptedWorkers memory("true", 1, "echo 'dsabench: out of memory' >&2; exit 5");
  CHECK(contains(test::message_of<Error>([&] { memory.go(); }), "out of memory"));
}

TEST_CASE("workers that have loaded different models are refused") {
  ScriptedWorkers workers("true", 1,
                          "if [ $3 = cuda:0 ]; then " + ScriptedWorkers::load_line("a") +
                              "; else " + ScriptedWorkers::load_line("b") + "; fi");
  CHECK(contains(test::message_of<Error>([&] { workers.go(); }), "different models"));
}

TEST_CASE("a line that is no message is refused") {
  ScriptedWorkers workers("echo hello");
  CHECK(contains(test::message_of<ParseError>([&] { workers.go(); }), "not a message"));
}

TEST_CASE("an interrupted run hands out nothing more and waits for what is under way") {
  ScriptedWorkers workers("sleep 0.05");
  int asked = 0;
  const RunSummary summary = workers.go([&asked] { return ++asked > 3; });
  CHECK(summary.status == "interrupted");
  CHECK(exit_code_of(summary) == ExitCode::interrupted);
  const std::vector<TrialTask> handed = workers.handed_out();
  REQUIRE(handed.size() == 3);
  for (const TrialTask& task : handed) {
    CHECK(std::count(workers.tasks().begin(), workers.tasks().end(), task) == 1);
    CHECK(std::count(handed.begin(), handed.end(), task) == 1);
  }
}

TEST_CASE("a trial that is not expected to fit into the time limit is not handed out") {
  ScriptedWorkers workers("true");
  const ModelConfig config = resolve_model_config(test::tiny_request());
  double elapsed = 0;
  TimeLimit limit(
      10, [&elapsed] { return elapsed += 2.0; }, CostHistory(config));
  const RunSummary summary = workers.go([] { return false; }, &limit);
  CHECK(summary.status == "interrupted");
  CHECK(summary.out_of_time);
  CHECK(workers.handed_out().size() < workers.tasks().size());
  CHECK(contains(workers.said(), "s are left of 10"));
}

TEST_CASE("what a worker tells of a trial is read as it was told") {
  const EndedTrial told{TrialOutcome::discarded, {12.5, 0.75, 9}};
  const EndedTrial read = parse_ended_trial(to_line(told));
  CHECK(read.outcome == told.outcome);
  CHECK(read.cost.seconds == told.cost.seconds);
  CHECK(read.cost.pass_seconds == told.cost.pass_seconds);
  CHECK(read.cost.num_passes == told.cost.num_passes);
}

TEST_CASE("workers are ended at once") {
  ScriptedWorkers workers("sleep 600");
  std::thread killer([&] {
    while (workers.told("trials", "cuda:0").empty() || workers.told("trials", "cuda:1").empty()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    workers.spread().kill();
  });
  const RunSummary summary = workers.go();
  killer.join();
  CHECK(summary.status == "failed");
  CHECK(contains(workers.said(), "signal 9"));
}

TEST_CASE("a worker that cannot be started is said so") {
  const RunPlan plan = tiny_plan(1);
  RecordingProgress progress;
  const SpreadOptions options{{Device()}, "/nonexistent/dsabench", "db", false};
  CHECK(contains(test::message_of<IoError>([&] { SpreadRun(plan, options, progress); }),
                 "/nonexistent/dsabench"));
}

TEST_CASE("a choice of devices is one, or every GPU") {
  CHECK(DeviceChoice::parse("cuda:all").every);
  CHECK(DeviceChoice::parse("cuda:all").name() == "cuda:all");
  CHECK(DeviceChoice::parse("cuda:1") == DeviceChoice{Device::parse("cuda:1"), false});
  CHECK_THROWS_AS(DeviceChoice::parse("cpu:all"), InvalidArgument);
  CHECK(devices_of(DeviceChoice()) == std::vector<Device>{Device()});
  RunPlan plan = tiny_plan(1);
  plan.model.choose(DeviceChoice::parse("cuda:all"));
  CHECK(parse_plan_json(plan_json(plan)).model.every_gpu);
}

/// The tool, for which one CPU is two devices.
CliSeams two_cpus() {
  CliSeams seams = test::quick_seams();
  seams.program = DSABENCH_PROGRAM;
  seams.devices_of = [](const DeviceChoice&) { return std::vector<Device>(2); };
  return seams;
}

std::vector<std::string> spread_sweep(const std::string& db,
                                      const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments =
      test::with_tiny_model("run", {"--db", db, "--context", "32,64", "--retention", "1,1/3",
                                    "--min-samples", "2", "--max-samples", "2", "--decode-tokens",
                                    "2", "--repeat", "2", "--progress", "plain"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// Values that do not depend on time, by cell: what two runs of a plan must agree about.
std::map<std::string, std::vector<std::int64_t>> exact_metrics(const RunResults& run) {
  std::map<std::string, std::vector<std::int64_t>> metrics;
  for (const TrialRecord& trial : run.trials) {
    for (const MetricSamples& metric : trial.metrics) {
      if (metric.better == "exact") metrics[trial.cell_id + metric.name] = metric.values;
    }
  }
  return metrics;
}

TEST_CASE("a sweep over two devices is the sweep over one") {
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  REQUIRE(test::call_cli(spread_sweep(db)).code == 0);
  const RunResults alone = test::last_run(db);
  const test::CliResult result = test::call_cli(spread_sweep(db), two_cpus());
  CAPTURE(result.err);
  CHECK(result.code == 0);
  CHECK(contains(result.err, "loading demo on cpu, cpu"));
  CHECK(contains(result.err, "16 ok, 0 incorrect, 0 failed"));

  const RunResults spread = test::last_run(db);
  CHECK(spread.run.run_id != alone.run.run_id);
  CHECK(spread.run.status == "done");
  CHECK(spread.run.plan_id == alone.run.plan_id);
  CHECK(spread.run.model_id == alone.run.model_id);
  CHECK_FALSE(spread.run.mixed);
  CHECK(exact_metrics(spread) == exact_metrics(alone));
  std::set<std::int64_t> processes;
  std::set<std::pair<std::string, std::int64_t>> pairs;
  std::map<std::string, std::set<std::int64_t>> by_group;  // contexts and phases
  std::map<std::string, Cell> cells;
  for (const PlannedCell& planned : spread.plan) {
    cells[planned.cell.cell_id] = parse_canonical_cell(planned.cell.canonical_json);
  }
  for (const TrialRecord& trial : spread.trials) {
    const Cell& cell = cells.at(trial.cell_id);
    by_group[fmt::format("{} {}", phase_name(cell.phase), cell.context_tokens)].insert(
        trial.process_id);
    CHECK(trial.outcome == TrialOutcome::ok);
    CHECK(find_condition(trial.conditions_json, "spread_over") == 2);
    processes.insert(trial.process_id);
    pairs.insert({trial.cell_id, trial.repeat});
  }
  CHECK(pairs.size() == 16);
  CHECK(by_group.size() == 4);
  for (const auto& [group, makers] : by_group) CHECK(makers.size() == 1);
  CHECK(processes.size() == 2);
  CHECK_FALSE(processes.contains(::getpid()));
}

TEST_CASE("an interrupted sweep over two devices is gone on with by one, and the other way") {
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  // The first command of a time limit runs one trial on each device at least.
  const test::CliResult first =
      test::call_cli(spread_sweep(db, {"--time-limit", "0.001s"}), two_cpus());
  CAPTURE(first.err);
  CHECK(first.code == 3);
  CHECK(contains(first.err, "to go on: dsabench resume"));
  const std::size_t begun = test::last_run(db).trials.size();
  CHECK(begun >= 1);
  CHECK(begun < 16);

  CHECK(test::call_cli({"resume", "last", "--db", db, "--time-limit", "0.001s"}).code == 3);
  CHECK(test::last_run(db).trials.size() == begun + 1);
  const test::CliResult rest =
      test::call_cli({"resume", "last", "--db", db, "--progress", "plain"}, two_cpus());
  CAPTURE(rest.err);
  CHECK(rest.code == 0);
  const RunResults run = test::last_run(db);
  CHECK(run.run.status == "done");
  CHECK(run.trials.size() == 16);
  CHECK(run.run.continuations.size() == 2);
}

TEST_CASE("Ctrl-C twice ends a sweep over two devices at once, and notes its trials") {
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  const pid_t child = test::start_child([&] {
    // Trials that take minutes.
    const std::vector<std::string> arguments =
        test::with_tiny_model("run", {"--db", db, "--context", "32,64", "--retention", "1",
                                      "--phase", "prefill", "--noise", "0", "--max-samples",
                                      "100000000", "--max-seconds", "600", "--progress", "off"});
    return test::call_cli(arguments, two_cpus()).code == 0;
  });
  const auto running = [&]() -> std::size_t {
    try {
      const ResultStore store = ResultStore::open(db, ResultStore::Mode::read_only);
      if (store.list_runs().empty()) return 0;
      return store.load_progress(store.list_runs().at(0).run_id).running.size();
    } catch (const StoreError&) {
      return 0;  // the sweep is about to make it
    }
  };
  for (int i = 0; i < 600 && running() < 2; ++i) usleep(50'000);
  CHECK(running() == 2);
  ::kill(child, SIGINT);
  usleep(1'000'000);  // two that come while the process waits for a core count as one
  ::kill(child, SIGINT);
  const int status = test::wait_for(child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
  const RunResults run = test::last_run(db);
  CHECK(run.run.status == "interrupted");
  REQUIRE(run.trials.size() == 2);
  for (const TrialRecord& trial : run.trials) CHECK(trial.outcome == TrialOutcome::interrupted);
  CHECK(running() == 0);
}

TEST_CASE("what cannot be spread is refused") {
  const ScratchFolder folder;
  const auto refused = [&](const std::vector<std::string>& arguments, const std::string& part) {
    const test::CliResult result = test::call_cli(arguments);
    CAPTURE(result.err);
    CHECK(result.code == 2);
    CHECK(test::is_error_line(result.err, part));
  };
  refused(test::with_tiny_model("profile", {"--device", "cuda:all", "--retention", "1"}),
          "profile: --device cuda:all");
  refused({"verify", DSABENCH_TEST_DATA "/golden/glm_moe_dsa_tiny", "--golden",
           DSABENCH_TEST_DATA "/golden/glm_moe_dsa_tiny", "--device", "cuda:all"},
          "verify: --device cuda:all");
  refused({"worker", "--device", "cpu", "--db", folder / "x.db"}, "worker: its orders");
  REQUIRE(test::call_cli(spread_sweep(folder / "runs.db", {"--time-limit", "0.001s"})).code == 3);
  refused({"resume", "last", "--db", folder / "runs.db", "--device", "cuda:all"},
          "the run was planned for cpu");
}

}  // namespace
}  // namespace dsabench
