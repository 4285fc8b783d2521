#include "harness/run/worker_messages.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

using nlohmann::json;

/// Text of a model or a file may be in a message: it stays what it is, and on one line.
std::string line_of(const json& message) {
  return message.dump(-1, ' ', true, json::error_handler_t::replace);
}

/// What `read` makes of the line's object.
template <class Read>
auto parse(const std::string& line, Read read) try {
  return read(json::parse(line));
} catch (const json::exception& error) {
  throw ParseError("not a message between a run and its worker", error.what());
}

}  // namespace

std::string to_line(const WorkerPlan& message) {
  return line_of({{"plan", message.plan_json},
                  {"workers", message.num_workers},
                  {"first", message.is_first},
                  {"ceilings", message.ceilings}});
}
std::string to_line(const ModelIdentity& message) {
  return line_of(
      {{"model_id", message.id}, {"model_json", message.json}, {"synthetic", message.synthetic}});
}
std::string to_line(const WorkerRun& message) {
  return line_of({{"run", message.run_id},
                  {"machine_id", message.own.machine_id},
                  {"build_id", message.own.build_id}});
}
std::string to_line(const WorkerTrial& message) {
  return line_of({{"entry", message.task.entry},
                  {"repeat", message.task.repeat},
                  {"index", message.index},
                  {"total", message.total}});
}
std::string to_line(const EndedTrial& message) {
  return line_of({{"outcome", trial_outcome_name(message.outcome)},
                  {"seconds", message.cost.seconds},
                  {"pass_seconds", message.cost.pass_seconds},
                  {"passes", message.cost.num_passes}});
}

WorkerPlan parse_worker_plan(const std::string& line) {
  return parse(line, [](const json& message) {
    return WorkerPlan{message.at("plan"), message.at("workers"), message.at("first"),
                      message.at("ceilings")};
  });
}
ModelIdentity parse_worker_model(const std::string& line) {
  return parse(line, [](const json& message) {
    return ModelIdentity{message.at("model_id"), message.at("model_json"), message.at("synthetic")};
  });
}
WorkerRun parse_worker_run(const std::string& line) {
  return parse(line, [](const json& message) {
    return WorkerRun{message.at("run"), {message.at("machine_id"), message.at("build_id")}};
  });
}
WorkerTrial parse_worker_trial(const std::string& line) {
  return parse(line, [](const json& message) {
    return WorkerTrial{
        {message.at("entry"), message.at("repeat")}, message.at("index"), message.at("total")};
  });
}
EndedTrial parse_ended_trial(const std::string& line) {
  return parse(line, [](const json& message) {
    return EndedTrial{parse_trial_outcome(message.at("outcome").get<std::string>()),
                      {message.at("seconds"), message.at("pass_seconds"), message.at("passes")}};
  });
}

}  // namespace dsabench
