#include <condition_variable>
#include <mutex>
#include <thread>

#include "harness/run/progress_styles.h"

namespace dsabench {
namespace {

class TickingProgress final : public Progress {
 public:
  TickingProgress(std::unique_ptr<TickableProgress> inner, std::chrono::milliseconds interval)
      : inner_(std::move(inner)), thread_([this, interval](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          while (!stop.stop_requested()) {
            wake_.wait_for(lock, stop, interval, [] { return false; });
            if (!silent_ && !stop.stop_requested()) inner_->tick();
          }
        }) {}

  void message(const std::string& text) override {
    tell([&] { inner_->message(text); });
  }
  void run_started(const std::string& run_id, std::int64_t num_trials, double total_work) override {
    tell([&] { inner_->run_started(run_id, num_trials, total_work); });
  }
  void trial_started(const TrialPosition& position, const Cell& cell) override {
    tell([&] { inner_->trial_started(position, cell); });
  }
  void task_started(const ProgressTask& task) override {
    tell([&] { inner_->task_started(task); });
  }
  void task_finished(const ProgressTask& task, const std::string& outcome) override {
    tell([&] { inner_->task_finished(task, outcome); });
  }
  void step(const std::string& text) override {
    tell([&] { inner_->step(text); });
  }
  void trial_finished(const TrialPosition& position, const Cell& cell,
                      const TrialRecord& trial) override {
    tell([&] { inner_->trial_finished(position, cell, trial); });
  }
  void run_finished(const std::string& status) override {
    tell([&] { inner_->run_finished(status); });
  }
  void silence() override {
    const std::lock_guard lock(mutex_);
    silent_ = true;
  }

 private:
  template <class Call>
  void tell(const Call& call) {
    const std::lock_guard lock(mutex_);
    if (!silent_) call();
  }

  std::mutex mutex_;
  bool silent_ = false;
  std::condition_variable_any wake_;
  std::unique_ptr<TickableProgress> inner_;
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace

std::unique_ptr<Progress> make_ticking(std::unique_ptr<TickableProgress> inner,
                                       std::chrono::milliseconds interval) {
  return std::make_unique<TickingProgress>(std::move(inner), interval);
}

}  // namespace dsabench
