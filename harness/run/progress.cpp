#include "harness/run/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <ostream>

#include "kernels/base/error.h"
#include "results/statistics.h"

namespace dsabench {
namespace {

using Clock = std::chrono::steady_clock;

std::string seconds_text(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", seconds);
  return fmt::format("{:.0f} min", seconds / 60);
}

/// The time that matters of a finished trial: "median 0.123 s of 7 (noise)".
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
  const char* metric = cell.phase == Phase::prefill ? "prefill" : "decode_step";
  for (const MetricSamples& samples : trial.metrics) {
    if (samples.name != metric) continue;
    const Summary summary = summarize(samples.values);
    return fmt::format("median {:.3f} ms of {} ({})", summary.median / 1e6, summary.count,
                       trial.stop_reason);
  }
  return "no samples";
}

class PlainProgress : public Progress {
 public:
  explicit PlainProgress(std::ostream& stream) : stream_(stream) {}
  void message(const std::string& text) override { line(text); }
  void run_started(const std::string& run_id, std::int64_t num_trials, double) override {
    line(fmt::format("run {}: {} trial{}", run_id, num_trials, num_trials == 1 ? "" : "s"));
  }
  void trial_started(const TrialPosition&, const Cell&) override { started_ = Clock::now(); }
  void step(const std::string&) override {}
  void trial_finished(const TrialPosition& position, const Cell& cell,
                      const TrialRecord& trial) override {
    const std::chrono::duration<double> taken = Clock::now() - started_;
    line(fmt::format("[{}/{}] {}: {} [{:.1f} s]", position.index + 1, position.total,
                     describe(cell), outcome_text(cell, trial), taken.count()));
  }
  void run_finished(const std::string& status) override { line("run " + status); }

 protected:
  virtual void line(const std::string& text) { stream_ << text << '\n' << std::flush; }
  std::ostream& stream_;

 private:
  Clock::time_point started_;
};

/// Plain lines for what is finished, and below them one line that is written over.
class LiveProgress final : public PlainProgress {
 public:
  LiveProgress(std::ostream& stream, const TerminalTraits& terminal)
      : PlainProgress(stream), terminal_(terminal) {}
  ~LiveProgress() override { erase(); }

  void run_started(const std::string& run_id, std::int64_t num_trials, double total_work) override {
    total_work_ = total_work;
    run_started_ = Clock::now();
    PlainProgress::run_started(run_id, num_trials, total_work);
  }
  void trial_started(const TrialPosition& position, const Cell& cell) override {
    PlainProgress::trial_started(position, cell);
    label_ = fmt::format("[{}/{}] {}", position.index + 1, position.total, describe(cell));
    step("starting");
  }
  void step(const std::string& text) override {
    std::string shown = fmt::format("{}: {}{}", label_, text, eta());
    const auto width = static_cast<std::size_t>(std::max(terminal_.width - 1, 10));
    if (shown.size() > width) shown.resize(width);
    erase();
    stream_ << (terminal_.color ? "\x1b[2m" + shown + "\x1b[0m" : shown) << std::flush;
    drawn_ = true;
  }
  void trial_finished(const TrialPosition& position, const Cell& cell,
                      const TrialRecord& trial) override {
    done_work_ += position.work;
    PlainProgress::trial_finished(position, cell, trial);
  }

 private:
  void line(const std::string& text) override {
    erase();
    PlainProgress::line(text);
  }
  void erase() {
    if (drawn_) stream_ << "\r\x1b[K" << std::flush;
    drawn_ = false;
  }
  std::string eta() const {
    if (done_work_ <= 0) return "";
    const std::chrono::duration<double> taken = Clock::now() - run_started_;
    return fmt::format(", about {} left in all",
                       seconds_text(taken.count() * (total_work_ - done_work_) / done_work_));
  }

  TerminalTraits terminal_;
  std::string label_;
  bool drawn_ = false;
  double total_work_ = 0, done_work_ = 0;
  Clock::time_point run_started_;
};

class JsonlProgress final : public Progress {
 public:
  explicit JsonlProgress(std::ostream& stream) : stream_(stream) {}
  void message(const std::string& text) override { emit({{"event", "message"}, {"text", text}}); }
  void run_started(const std::string& run_id, std::int64_t num_trials, double) override {
    emit({{"event", "run_started"}, {"run", run_id}, {"trials", num_trials}});
  }
  void trial_started(const TrialPosition& position, const Cell& cell) override {
    emit(trial("trial_started", position, cell));
  }
  void step(const std::string& text) override { emit({{"event", "step"}, {"text", text}}); }
  void trial_finished(const TrialPosition& position, const Cell& cell,
                      const TrialRecord& record) override {
    nlohmann::json json = trial("trial_finished", position, cell);
    json["outcome"] = trial_outcome_name(record.outcome);
    json["reason"] = record.reason;
    emit(json);
  }
  void run_finished(const std::string& status) override {
    emit({{"event", "run_finished"}, {"status", status}});
  }

 private:
  static nlohmann::json trial(const char* event, const TrialPosition& position, const Cell& cell) {
    return {{"event", event},          {"index", position.index},
            {"total", position.total}, {"repeat", position.repeat},
            {"cell", cell_id(cell)},   {"description", describe(cell)}};
  }
  void emit(const nlohmann::json& json) {
    stream_ << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n'
            << std::flush;
  }
  std::ostream& stream_;
};

class NoProgress final : public Progress {
 public:
  void message(const std::string&) override {}
  void run_started(const std::string&, std::int64_t, double) override {}
  void trial_started(const TrialPosition&, const Cell&) override {}
  void step(const std::string&) override {}
  void trial_finished(const TrialPosition&, const Cell&, const TrialRecord&) override {}
  void run_finished(const std::string&) override {}
};

bool environment_has(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}  // namespace

ProgressMode parse_progress_mode(std::string_view name) {
  if (name == "auto") return ProgressMode::automatic;
  if (name == "plain") return ProgressMode::plain;
  if (name == "jsonl") return ProgressMode::jsonl;
  if (name == "off") return ProgressMode::off;
  throw InvalidArgument(
      fmt::format("--progress: expected auto, plain, jsonl or off, got '{}'", name));
}

TerminalTraits TerminalTraits::of_stderr() {
  TerminalTraits traits;
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  traits.is_terminal = ::isatty(STDERR_FILENO) == 1 && !dumb && !environment_has("CI");
  traits.color = traits.is_terminal && !environment_has("NO_COLOR");
  winsize size = {};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) traits.width = size.ws_col;
  return traits;
}

std::unique_ptr<Progress> make_progress(ProgressMode mode, std::ostream& stream,
                                        const TerminalTraits& terminal) {
  switch (mode) {
    case ProgressMode::off:
      return std::make_unique<NoProgress>();
    case ProgressMode::jsonl:
      return std::make_unique<JsonlProgress>(stream);
    case ProgressMode::plain:
      return std::make_unique<PlainProgress>(stream);
    case ProgressMode::automatic:
      break;
  }
  if (terminal.is_terminal) return std::make_unique<LiveProgress>(stream, terminal);
  return std::make_unique<PlainProgress>(stream);
}

}  // namespace dsabench
