#include <nlohmann/json.hpp>
#include <ostream>

#include "harness/run/progress_styles.h"

namespace dsabench {
namespace {

using Clock = std::chrono::steady_clock;

class JsonlProgress final : public TickableProgress {
 public:
  JsonlProgress(std::ostream& stream, std::chrono::milliseconds heartbeat)
      : stream_(stream), heartbeat_(heartbeat) {}

  void message(const std::string& text) override { emit({{"event", "message"}, {"text", text}}); }
  void run_started(const std::string& run_id, std::int64_t num_trials, double) override {
    emit({{"event", "run_started"}, {"run", run_id}, {"trials", num_trials}});
  }
  void trial_started(const TrialPosition& position, const Cell& cell) override {
    running_ = true;
    trial_started_ = Clock::now();
    emit(trial("trial_started", position, cell));
  }
  void task_started(const ProgressTask& started) override {
    running_ = true;
    trial_started_ = Clock::now();
    emit(task("task_started", started));
  }
  void task_finished(const ProgressTask& finished, const std::string& outcome) override {
    running_ = false;
    nlohmann::json json = task("task_finished", finished);
    json["outcome"] = outcome;
    json["seconds"] = seconds_in_trial();
    emit(json);
  }
  void step(const std::string& text) override { emit({{"event", "step"}, {"text", text}}); }
  void trial_finished(const TrialPosition& position, const Cell& cell,
                      const TrialRecord& record) override {
    running_ = false;
    nlohmann::json json = trial("trial_finished", position, cell);
    json["outcome"] = trial_outcome_name(record.outcome);
    json["reason"] = record.reason;
    json["stop_reason"] = record.stop_reason;
    json["seconds"] = seconds_in_trial();
    emit(json);
  }
  void run_finished(const std::string& status) override {
    emit({{"event", "run_finished"}, {"status", status}});
  }
  void tick() override {
    if (!running_ || Clock::now() - last_line_ < heartbeat_) return;
    emit({{"event", "heartbeat"}, {"seconds", seconds_in_trial()}});
  }

 private:
  static nlohmann::json trial(const char* event, const TrialPosition& position, const Cell& cell) {
    return {{"event", event},          {"index", position.index},
            {"total", position.total}, {"repeat", position.repeat},
            {"cell", cell_id(cell)},   {"description", describe(cell)}};
  }
  static nlohmann::json task(const char* event, const ProgressTask& task) {
    return {{"event", event},
            {"index", task.index},
            {"total", task.total},
            {"description", task.label}};
  }
  double seconds_in_trial() const {
    return std::chrono::duration<double>(Clock::now() - trial_started_).count();
  }
  void emit(const nlohmann::json& json) {
    // ASCII only, so that no text of a model or a file drives a terminal.
    stream_ << json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) << '\n'
            << std::flush;
    last_line_ = Clock::now();
  }

  std::ostream& stream_;
  std::chrono::milliseconds heartbeat_;
  bool running_ = false;
  Clock::time_point trial_started_, last_line_;
};

}  // namespace

std::unique_ptr<TickableProgress> make_jsonl_progress(std::ostream& stream,
                                                      std::chrono::milliseconds heartbeat) {
  return std::make_unique<JsonlProgress>(stream, heartbeat);
}

}  // namespace dsabench
