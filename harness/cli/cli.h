#pragma once
#include <chrono>
#include <iosfwd>

#include "harness/profile/activity_tracer.h"
#include "harness/profile/device_monitor.h"
#include "harness/profile/run_ceilings.h"
#include "harness/run/runner.h"

namespace dsabench {

/// What a test may put in the place of the real thing.
struct CliSeams {
  EngineFactory engine_factory = make_engine;
  std::function<MonitorChoice(Device)> open_monitor = dsabench::open_monitor;
  std::function<std::vector<Ceiling>(Device)> measure_ceilings = measure_run_ceilings;
  std::function<std::shared_ptr<ActivityTracer>(Device)> open_tracer = dsabench::open_tracer;
  /// What runs a worker of a sweep over several devices, and the devices of a choice.
  std::string program = "/proc/self/exe";
  std::function<std::vector<Device>(const DeviceChoice&)> devices_of = dsabench::devices_of;
  /// Of a device that was throttled, before the first further attempt.
  std::chrono::milliseconds rest = RunOptions().rest;
  /// How long a database that another process holds is waited for.
  std::chrono::milliseconds busy_timeout = std::chrono::seconds(60);
};

/// The whole tool but the process: parses the command line, does what it says, and returns the exit
/// code (exit_codes.h). Results go to `out` (or --output), progress, remarks and errors to `err`;
/// an error is one line, "dsabench: ...". Throws nothing.
int run_cli(int argc, const char* const* argv, std::ostream& out, std::ostream& err,
            const CliSeams& seams = {});

}  // namespace dsabench
