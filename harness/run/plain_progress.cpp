#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "harness/run/progress_styles.h"
#include "harness/run/terminal_text.h"
#include "results/statistics.h"

namespace dsabench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point moment) {
  return std::chrono::duration<double>(Clock::now() - moment).count();
}

class PlainProgress : public TickableProgress {
 public:
  PlainProgress(std::ostream& stream, std::chrono::milliseconds heartbeat)
      : stream_(stream), heartbeat_(heartbeat) {}

  void message(const std::string& text) override { line(text); }
  void run_started(const std::string& run_id, std::int64_t num_trials, double total_work) override {
    total_work_ = total_work;
    run_started_ = Clock::now();
    line(fmt::format("run {}: {} trial{}", run_id, num_trials, num_trials == 1 ? "" : "s"));
  }
  void trial_started(const TrialPosition& position, const Cell& cell) override {
    begin(trial_label(position, cell));
  }
  void task_started(const ProgressTask& task) override {
    if (task.index == 0) run_started_ = Clock::now();
    done_work_ = static_cast<double>(task.index);
    total_work_ = static_cast<double>(task.total);
    begin(task_label(task));
  }
  void task_finished(const ProgressTask& task, const std::string& outcome) override {
    done_work_ += 1;
    finish(task_label(task), outcome);
  }
  void step(const std::string& text) override { step_ = text; }
  void trial_finished(const TrialPosition& position, const Cell& cell,
                      const TrialRecord& trial) override {
    done_work_ += position.work;
    finish(trial_label(position, cell), outcome_text(cell, trial));
  }
  void run_finished(const std::string& status) override { line("run " + status); }
  void tick() override {
    if (label_.empty() || Clock::now() - last_line_ < heartbeat_) return;
    line(running_text());
  }

 protected:
  virtual void line(const std::string& text) {
    stream_ << terminal_text(text) << '\n' << std::flush;
    last_line_ = Clock::now();
  }
  bool trial_runs() const { return !label_.empty(); }
  std::string running_text() const {
    return fmt::format("{}: {} [{:.0f} s]{}", label_, step_, seconds_since(trial_started_), eta());
  }
  std::ostream& stream_;

 private:
  void begin(std::string label) {
    label_ = std::move(label);
    trial_started_ = last_line_ = Clock::now();
    step("starting");
  }
  void finish(const std::string& label, const std::string& outcome) {
    label_.clear();
    line(fmt::format("{}: {} [{:.1f} s]", label, outcome, seconds_since(trial_started_)));
  }
  std::string eta() const {
    if (done_work_ <= 0 || total_work_ <= done_work_) return "";
    return fmt::format(
        ", about {} left in all",
        seconds_text(seconds_since(run_started_) * (total_work_ - done_work_) / done_work_));
  }

  std::chrono::milliseconds heartbeat_;
  std::string label_, step_;  ///< of the running trial
  double total_work_ = 0, done_work_ = 0;
  Clock::time_point run_started_, trial_started_, last_line_;
};

/// Plain lines for what is finished, and below them one line that is written over.
class LiveProgress final : public PlainProgress {
 public:
  LiveProgress(std::ostream& stream, const TerminalTraits& terminal)
      : PlainProgress(stream, std::chrono::milliseconds(0)), terminal_(terminal) {}
  ~LiveProgress() override { erase(); }

  void step(const std::string& text) override {
    PlainProgress::step(text);
    draw();
  }
  void tick() override {
    if (trial_runs()) draw();
  }

 private:
  void draw() {
    std::string shown = terminal_text(running_text());
    const auto width = static_cast<std::size_t>(std::max(terminal_.width - 1, 10));
    if (shown.size() > width) shown.resize(width);
    erase();
    stream_ << (terminal_.color ? "\x1b[2m" + shown + "\x1b[0m" : shown) << std::flush;
    drawn_ = true;
  }
  void line(const std::string& text) override {
    erase();
    PlainProgress::line(text);
  }
  void erase() {
    if (drawn_) stream_ << "\r\x1b[K" << std::flush;
    drawn_ = false;
  }

  TerminalTraits terminal_;
  bool drawn_ = false;
};

}  // namespace

std::string seconds_text(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", seconds);
  return fmt::format("{:.0f} min", seconds / 60);
}

std::string trial_label(const TrialPosition& position, const Cell& cell) {
  return fmt::format("[{}/{}] {}", position.index + 1, position.total, describe(cell));
}

std::string task_label(const ProgressTask& task) {
  return task.total > 0 ? fmt::format("[{}/{}] {}", task.index + 1, task.total, task.label)
                        : fmt::format("[{}] {}", task.index + 1, task.label);
}

std::string outcome_text(const Cell& cell, const TrialRecord& trial) {
  if (trial.outcome != TrialOutcome::ok) {
    return fmt::format("{}: {}", trial_outcome_name(trial.outcome), trial.reason);
  }
  if (cell.phase == Phase::generate) {
    double score = 0;
    for (const AnswerRecord& answer : trial.answers) score += answer.score;
    const auto count = static_cast<double>(std::max<std::size_t>(trial.answers.size(), 1));
    return fmt::format("score {:.3f} over {} answers", score / count, trial.answers.size());
  }
  const Summary summary = summarize(metric_values(trial, metric_of(cell)));
  if (summary.count == 0) return "no samples";
  return fmt::format("median {:.3f} ms of {} ({})", summary.median / 1e6, summary.count,
                     trial.stop_reason);
}

std::unique_ptr<TickableProgress> make_plain_progress(std::ostream& stream,
                                                      std::chrono::milliseconds heartbeat) {
  return std::make_unique<PlainProgress>(stream, heartbeat);
}

std::unique_ptr<TickableProgress> make_live_progress(std::ostream& stream,
                                                     const TerminalTraits& terminal) {
  return std::make_unique<LiveProgress>(stream, terminal);
}

}  // namespace dsabench
