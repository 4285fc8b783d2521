#include "harness/run/arm_runner.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// Exit codes of the tool with which a run's results are there: done, throttled, wrong.
constexpr int kDone = 0, kThrottled = 4, kIncorrect = 6;
constexpr int kUsage = 2;

RunResults only_run_of(const std::string& database, const std::string& name) {
  const ResultStore store = ResultStore::open(database, ResultStore::Mode::read_write);
  const std::vector<RunRecord> runs = store.list_runs();
  if (runs.size() != 1) {
    throw Error(fmt::format("{} stored {} runs where one is asked for", name, runs.size()));
  }
  return store.load_values(runs.front().run_id);
}

[[noreturn]] void fail(const std::string& name, const ArmPlan& arm, const ProcessEnd& end) {
  std::string text = fmt::format("{}: {} ended with {}", name, arm.binary, end.text());
  for (std::size_t i = 0; i < end.last_words.size(); ++i) {
    text += (i == 0 ? ": " : " / ") + end.last_words[i];
  }
  if (end.how == ProcessEnd::How::exited && end.code == kUsage) throw InvalidArgument(text);
  throw Error(text);
}

std::string outcome_of(const ProcessEnd& end) {
  if (end.how != ProcessEnd::How::exited || end.code != kDone) return end.text();
  return "done";
}

}  // namespace

ComparisonArm to_record(const ArmPlan& plan) {
  const nlohmann::json arguments = plan.arguments;
  return {plan.arm, plan.label, plan.binary,
          arguments.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

ArmRunner::ArmRunner(std::chrono::milliseconds timeout, std::function<bool()> stop,
                     Progress& progress)
    : timeout_(timeout), stop_(std::move(stop)), progress_(progress) {}

std::optional<ArmResult> ArmRunner::run(const ArmPlan& arm, const ProgressTask& task) {
  const std::string database = fmt::format("{}/{}.db", folder_.path(), num_started_++);
  // Ours first: an argument of theirs that lacks its value must not take one of ours for it.
  ArmCommand command{arm.binary, {"run", "--db", database, "--no-ceilings", "--progress", "jsonl"}};
  command.arguments.insert(command.arguments.end(), arm.arguments.begin(), arm.arguments.end());
  progress_.task_started(task);
  const ProcessEnd end = process_.run(
      command, {timeout_, stop_, [this](const std::string& step) { progress_.step(step); }});
  progress_.task_finished(task, outcome_of(end));
  if (end.how == ProcessEnd::How::stopped) return std::nullopt;
  const bool has_results = end.how == ProcessEnd::How::exited &&
                           (end.code == kDone || end.code == kThrottled || end.code == kIncorrect);
  if (!has_results) {
    // A Ctrl-C that reached the process too, or first.
    if (stop_()) return std::nullopt;
    fail(task.label, arm, end);
  }
  return ArmResult{only_run_of(database, task.label), database};
}

void ArmRunner::forget(const ArmResult& result) {
  std::error_code ignored;
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    std::filesystem::remove(result.database + suffix, ignored);
  }
}

void ArmRunner::abort() noexcept {
  process_.kill();
  folder_.remove();
}

void check_unchanged(const std::string& name, const RunRecord& first, const RunRecord& now) {
  const auto check = [&name](const char* what, const std::string& before,
                             const std::string& after) {
    if (before == after) return;
    throw Error(fmt::format("{}: its {} has changed since the comparison began, from {} to {}",
                            name, what, before, after));
  };
  check("machine", first.machine_id, now.machine_id);
  check("build", first.build_id, now.build_id);
  check("model", first.model_id, now.model_id);
}

}  // namespace dsabench
