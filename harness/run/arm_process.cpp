#include "harness/run/arm_process.h"

#include <fmt/format.h>
#include <poll.h>

#include <nlohmann/json.hpp>
#include <optional>

namespace dsabench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLastWords = 5;

/// The event of a line of progress; discarded where it is none.
nlohmann::json event_in(const std::string& line) {
  nlohmann::json event = nlohmann::json::parse(line, nullptr, false);
  const bool is_event = event.is_object() && event.contains("event") && event["event"].is_string();
  return is_event ? event : nlohmann::json(nlohmann::json::value_t::discarded);
}

std::string text_at(const nlohmann::json& event, const char* key) {
  const auto found = event.find(key);
  return found != event.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// At the end of its scope nobody can reach the process from another thread any more.
class Forgetting {
 public:
  Forgetting(std::mutex& mutex, WorkerProcess*& slot) : mutex_(mutex), slot_(slot) {}
  ~Forgetting() {
    const std::lock_guard lock(mutex_);
    slot_ = nullptr;
  }
  Forgetting(const Forgetting&) = delete;
  Forgetting& operator=(const Forgetting&) = delete;

 private:
  std::mutex& mutex_;
  WorkerProcess*& slot_;
};

void wait_for_output(const WorkerProcess& process) {
  std::vector<pollfd> polled;
  for (const int descriptor : process.open_descriptors()) polled.push_back({descriptor, POLLIN, 0});
  ::poll(polled.data(), polled.size(), static_cast<int>(ProcessWatch::kPoll.count()));
}

void take_lines(WorkerProcess& process, const ProcessWatch& watch, ProcessEnd& end) {
  for (const std::string& line : process.read().err) {
    const std::string step = step_in(line);
    if (!step.empty()) watch.step(step);
    const std::string words = words_in(line);
    if (words.empty()) continue;
    end.last_words.push_back(words);
    if (end.last_words.size() > kLastWords) end.last_words.erase(end.last_words.begin());
  }
}

}  // namespace

std::string ProcessEnd::text() const {
  switch (how) {
    case How::exited:
      return fmt::format("exit code {}", code);
    case How::signalled:
      return fmt::format("signal {}", code);
    case How::timed_out:
      return fmt::format("no end within {:.1f} s", seconds);
    case How::stopped:
      return "stopped";
  }
  return "?";
}

ProcessEnd ArmProcess::run(const ArmCommand& command, const ProcessWatch& watch) {
  const Clock::time_point started = Clock::now();
  ProcessEnd end;
  std::optional<WorkerProcess> process_here;
  {
    // Started and known to kill() in one: none escapes it in between.
    const std::lock_guard lock(mutex_);
    if (killed_) {
      end.how = ProcessEnd::How::stopped;
      return end;
    }
    process_here.emplace(command.program, command.arguments, std::vector<std::string>(),
                         WorkerProcess::Group::own);
    running_ = &*process_here;
  }
  WorkerProcess& process = *process_here;
  const Forgetting forgetting(mutex_, running_);
  process.close_input();
  bool is_ending = false;  // by us
  while (!process.ended()) {
    wait_for_output(process);
    take_lines(process, watch, end);
    if (is_ending) continue;
    const bool late = watch.timeout.count() > 0 && Clock::now() - started > watch.timeout;
    if (!late && !watch.stop()) continue;
    is_ending = true;
    end.how = late ? ProcessEnd::How::timed_out : ProcessEnd::How::stopped;
    process.kill();
  }
  end.seconds = std::chrono::duration<double>(Clock::now() - started).count();
  const int code = process.wait();
  end.code = code < 0 ? -code : code;
  if (!is_ending && code < 0) end.how = ProcessEnd::How::signalled;
  return end;
}

void ArmProcess::kill() {
  const std::lock_guard lock(mutex_);
  killed_ = true;
  if (running_ != nullptr) running_->kill();
}

std::string words_in(const std::string& line) {
  const nlohmann::json event = event_in(line);
  if (event.is_discarded()) return line;
  const std::string kind = text_at(event, "event");
  if (kind == "message") return text_at(event, "text");
  if (kind != "trial_finished" || text_at(event, "outcome") == "ok") return {};
  return fmt::format("{}: {}: {}", text_at(event, "description"), text_at(event, "outcome"),
                     text_at(event, "reason"));
}

std::string step_in(const std::string& line) {
  const nlohmann::json event = event_in(line);
  if (event.is_discarded()) return {};
  const std::string kind = text_at(event, "event");
  if (kind == "step") return text_at(event, "text");
  return kind == "trial_started" ? text_at(event, "description") : std::string();
}

}  // namespace dsabench
