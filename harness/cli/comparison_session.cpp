#include "harness/cli/comparison_session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "harness/cli/results_database.h"
#include "harness/plan/value_lists.h"
#include "harness/run/environment.h"
#include "harness/run/wall_clock.h"
#include "kernels/base/error.h"
#include "results/identity.h"

namespace dsabench {
namespace {

constexpr std::string_view kStopping =
    "stopping; the process that runs is ended and its round discarded";

std::uint64_t draw_seed() {
  std::random_device entropy;
  return (std::uint64_t{entropy()} << 32) | entropy();
}

/// At least one: 0 would be no limit.
std::chrono::milliseconds milliseconds_of(double seconds) {
  constexpr double kYear = 366 * 86'400.0;
  return std::chrono::milliseconds(
      std::max<std::int64_t>(1, std::llround(1e3 * std::min(seconds, kYear))));
}

std::string name_of(Arm arm) {
  switch (arm) {
    case Arm::base:
      return "A";
    case Arm::twin:
      return "A'";
    case Arm::candidate:
      return "B";
  }
  return "?";
}

}  // namespace

ComparisonSession::ComparisonSession(const ComparisonControlOptions& options,
                                     const Invocation& invocation)
    : invocation_(invocation),
      progress_(make_progress(parse_progress_mode(options.progress), invocation.err,
                              TerminalTraits::of_stderr())),
      time_limit_s_(
          options.time_limit.empty() ? 0 : parse_duration("--time-limit", options.time_limit)),
      timeout_(milliseconds_of(parse_duration("--process-timeout", options.process_timeout))),
      store_(open_for_writing(options.db, invocation)),
      seed_(options.seed ? *options.seed : draw_seed()),
      runner_(
          timeout_, [this] { return guard_.interrupted(); }, *progress_),
      guard_([this] { abort(); }, kStopping) {
  const std::string warning = environment_warning();
  if (!warning.empty()) progress_->message(warning);
}

ComparisonSession::~ComparisonSession() {
  give_way_to_abort();
  if (comparison_id_.empty()) return;
  try {
    store_.finish_comparison(comparison_id_, "failed", unix_milliseconds());
  } catch (const std::exception&) {
    // What ended the comparison is on its way to the user; this says no more than that.
  }
}

double ComparisonSession::elapsed_s() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - invocation_.started)
      .count();
}

void ComparisonSession::abort() noexcept {
  aborted_ = true;
  runner_.abort();
  try {
    std::string id;
    {
      const std::lock_guard lock(mutex_);
      id = comparison_id_;
    }
    if (!id.empty()) {
      // A connection of its own, with little patience: this may be any moment of the other.
      ResultStore store =
          ResultStore::open(store_.path(), ResultStore::Mode::read_write, std::chrono::seconds(2));
      store.finish_comparison(id, "interrupted", unix_milliseconds());
    }
  } catch (const std::exception&) {
    // The process ends now: there is no one left to tell.
  }
  progress_->silence();
}

void ComparisonSession::give_way_to_abort() const {
  while (aborted_) ::pause();
}

RunResults ComparisonSession::warm_up(const ArmPlan& arm) {
  const ProgressTask task{"warm-up, " + name_of(arm.arm), num_started_++, num_expected_};
  std::optional<ArmResult> result = runner_.run(arm, task);
  give_way_to_abort();
  if (!result) throw Interrupted("interrupted during warm-up: nothing is stored");
  ArmRunner::forget(*result);
  first_[arm.arm] = result->run.run;
  return std::move(result->run);
}

void ComparisonSession::begin(ComparisonRecord record, const std::vector<ArmPlan>& plans) {
  record.comparison_id = new_run_id();
  record.started_ms = unix_milliseconds();
  record.status = "running";
  record.command_line = invocation_.command_line;
  record.tool_version = tool_version();
  plans_.clear();
  for (const ArmPlan& plan : plans) {
    plans_[plan.arm] = plan;
    first_.try_emplace(plan.arm, first_.at(Arm::base));
    record.arms.push_back(to_record(plan));
  }
  store_.add_comparison(record);
  const std::lock_guard lock(mutex_);
  comparison_id_ = record.comparison_id;
}

void ComparisonSession::finish(const std::string& status) {
  give_way_to_abort();
  store_.finish_comparison(comparison_id_, status, unix_milliseconds());
  const std::lock_guard lock(mutex_);
  comparison_id_.clear();
}

std::optional<RunResults> ComparisonSession::measure(const ComparisonSample& turn) {
  if (turn.place == 0) {
    for (const auto& [place, result] : results_) ArmRunner::forget(result);
    results_.clear();
    round_started_ = std::chrono::steady_clock::now();
  }
  const std::string name = fmt::format("round {}, {}", turn.round + 1, name_of(turn.arm));
  std::optional<ArmResult> result =
      runner_.run(plans_.at(turn.arm), {name, num_started_++, num_expected_});
  give_way_to_abort();
  if (!result) return std::nullopt;
  check_unchanged(name, first_.at(turn.arm), result->run.run);
  RunResults run = std::move(result->run);
  results_.insert_or_assign(turn.place, std::move(*result));
  return run;
}

void ComparisonSession::keep(std::span<const GateSample> round) {
  for (const GateSample& sample : round) {
    const ArmResult& result = results_.at(sample.place);
    store_.add_comparison_sample(comparison_id_, {sample.round, sample.place, sample.arm, {}},
                                 result.database);
    ArmRunner::forget(result);
  }
  results_.clear();
  rounds_s_ +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - round_started_).count();
  ++num_rounds_;
}

bool ComparisonSession::fits() const {
  if (time_limit_s_ <= 0 || num_rounds_ == 0) return true;
  const double left = std::max(0.0, time_limit_s_ - elapsed_s());
  const double expected = rounds_s_ / static_cast<double>(num_rounds_);
  if (left > expected) return true;
  progress_->message(
      fmt::format("time limit: {:.1f} s are left of {:.1f}, and a round takes {:.1f} s", left,
                  time_limit_s_, expected));
  return false;
}

RoundCallbacks ComparisonSession::callbacks() {
  return {.measure = [this](const ComparisonSample& turn) { return measure(turn); },
          .keep = [this](std::span<const GateSample> round) { keep(round); },
          .interrupted = [this] { return guard_.interrupted(); },
          .fits = [this] { return fits(); }};
}

}  // namespace dsabench
