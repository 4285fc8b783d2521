/// Clocks watched beside a trial: NVML by a scripted library, the sampler, the verdict, and what
/// becomes of a throttled trial.
#include <atomic>
#include <nlohmann/json.hpp>

#include "harness/profile/device_sampler.h"
#include "harness/profile/nvml.h"
#include "harness/profile/throttle.h"
#include "results/clock_limits.h"
#include "tests/harness/stored_runs.h"
#include "tests/harness/tool_process.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::CliResult;
using test::contains;
using test::message_of;
using test::ScratchFolder;

const std::string kFakeFolder = DSABENCH_FAKE_LIBRARIES;
const std::string kFakeNvml = kFakeFolder + "/libnvidia-ml.so.1";

/// A script for the fake library; the variable that names it is set while this lives.
class NvmlScript {
 public:
  explicit NvmlScript(const std::string& text) {
    test::write_text(path(), text);
    REQUIRE(setenv("DSABENCH_FAKE_NVML", path().c_str(), 1) == 0);
  }
  ~NvmlScript() { unsetenv("DSABENCH_FAKE_NVML"); }
  std::string path() const { return folder_ / "nvml.txt"; }

 private:
  ScratchFolder folder_;
};

cuda::DeviceInfo gpu_at(const std::string& pci_bus_id, const std::string& uuid = "") {
  cuda::DeviceInfo device;
  device.name = "Scripted GPU";
  device.pci_bus_id = pci_bus_id;
  device.uuid = uuid;
  return device;
}

constexpr const char* kQuiet =
    "pci 0000:1B:00.0\nuuid GPU-5d2b\nsm_mhz 1980\nmemory_mhz 3201\npower_mw 600000\n"
    "energy_mj 5000000000\ntemperature_c 55\nclock_limits 0\n";

TEST_CASE("NVML finds a GPU by its PCI address, else by its UUID, and reads it") {
  const NvmlScript script(kQuiet);
  const Nvml nvml(kFakeNvml);
  for (const cuda::DeviceInfo& device :
       {gpu_at("0000:1B:00.0"), gpu_at("0000:99:00.0", "GPU-5d2b"), gpu_at("", "GPU-5d2b")}) {
    const auto monitor = nvml.monitor(device);
    const DeviceSample sample = monitor->read();
    CHECK(sample.sm_mhz == 1980);
    CHECK(sample.memory_mhz == 3201);
    CHECK(sample.power_mw == 600'000);
    CHECK(sample.energy_mj == 5'000'000'000);
    CHECK(sample.temperature_c == 55);
    CHECK(sample.clock_limits == 0);
    CHECK(monitor->uuid() == "GPU-5d2b");
  }
  const auto message =
      message_of<UnsupportedDevice>([&] { nvml.monitor(gpu_at("0000:99:00.0", "GPU-other")); });
  CHECK(contains(message, "0000:99:00.0"));
  CHECK(contains(message, "Not Found"));
}

TEST_CASE("what the driver does not say is -1, and no setting") {
  const NvmlScript script("pci 0000:1B:00.0\n");
  const Nvml nvml(kFakeNvml);
  const DeviceSample sample = nvml.monitor(gpu_at("0000:1B:00.0"))->read();
  for (const std::int64_t value : {sample.sm_mhz, sample.memory_mhz, sample.power_mw,
                                   sample.energy_mj, sample.temperature_c, sample.clock_limits}) {
    CHECK(value == -1);
  }
  const DeviceSettings settings = nvml.settings(gpu_at("0000:1B:00.0"));
  CHECK(settings.driver_version.empty());
  CHECK_FALSE(settings.power_limit_mw.has_value());
  CHECK_FALSE(settings.ecc.has_value());
  CHECK_FALSE(settings.mig.has_value());
  CHECK(throttle_reason(std::vector{sample, sample}).empty());
}

TEST_CASE("a library that is missing, or none, or does not start, is named") {
  const ScratchFolder folder;
  const std::string missing = folder / "libnvidia-ml.so.1";
  CHECK(contains(message_of<UnsupportedDevice>([&] { Nvml nvml(missing); }), missing));
  CHECK(contains(message_of<UnsupportedDevice>([] { Nvml nvml(kFakeFolder + "/libcuda.so.1"); }),
                 "nvmlInit_v2"));
  const NvmlScript script("init 9\n");
  const auto message = message_of<UnsupportedDevice>([] { Nvml nvml(kFakeNvml); });
  CHECK(contains(message, "does not start"));
  CHECK(contains(message, "nvmlReturn_t 9"));
}

/// Counts readings, and takes its time over each.
class CountingMonitor final : public DeviceMonitor {
 public:
  DeviceSample read() noexcept override {
    usleep(1000);
    DeviceSample sample;
    sample.sm_mhz = ++count;
    return sample;
  }
  std::string uuid() const override { return "GPU-count"; }
  std::atomic<std::int64_t> count = 0;
};

TEST_CASE("the sampler reads at once, in its period, and at the end, and then no more") {
  CountingMonitor monitor;
  DeviceSampler sampler(monitor, std::chrono::milliseconds(5));
  CHECK(monitor.count >= 1);
  while (monitor.count < 5) usleep(1000);
  const std::vector<DeviceSample> samples = sampler.finish();
  REQUIRE(samples.size() >= 6);
  CHECK(samples.front().elapsed_ns == 0);
  for (std::size_t i = 1; i < samples.size(); ++i) {
    CHECK(samples[i].elapsed_ns > samples[i - 1].elapsed_ns);
    CHECK(samples[i].sm_mhz == samples[i - 1].sm_mhz + 1);
  }
  const std::int64_t count = monitor.count;
  CHECK(count == std::ssize(samples));
  usleep(20'000);
  CHECK(monitor.count == count);
}

TEST_CASE("a sampler without a period's time still has two readings, and may be dropped") {
  CountingMonitor monitor;
  CHECK(DeviceSampler(monitor, std::chrono::hours(1)).finish().size() == 2);
  { const DeviceSampler dropped(monitor, std::chrono::hours(1)); }
  CHECK(monitor.count == 3);
}

DeviceSample reading(std::int64_t mhz, std::int64_t degrees, std::int64_t limits) {
  DeviceSample sample;
  sample.sm_mhz = mhz;
  sample.temperature_c = degrees;
  sample.clock_limits = limits;
  return sample;
}

TEST_CASE("thermal and hardware limits throttle; the power cap, idling and set clocks do not") {
  for (const std::int64_t bits : {0x08, 0x20, 0x40, 0x80, 0x48, 0x84}) {
    CAPTURE(bits);
    const std::string reason = throttle_reason(
        std::vector{reading(1980, 60, 0), reading(1200, 91, bits), reading(-1, -1, -1)});
    CHECK(contains(reason, "throttled: "));
    CHECK(contains(reason, "in 1 of 2 readings"));
    CHECK(contains(reason, "SM clock 1200 to 1980 MHz"));
    CHECK(contains(reason, "91 °C"));
    CHECK(contains(reason, clock_limit_names(bits & ~clock_limits::kPowerCap)));
    CHECK_FALSE(contains(reason, "power cap"));
  }
  for (const std::int64_t bits : {0x00, 0x01, 0x02, 0x04, 0x10, 0x100, 0x117}) {
    CAPTURE(bits);
    CHECK(throttle_reason(std::vector{reading(1980, 60, bits)}).empty());
  }
  CHECK(clock_limit_names(0x44) == "SW power cap, HW thermal slowdown");
  CHECK(clock_limit_names(0x1008) == "HW slowdown, 0x1000");
  CHECK(clock_limit_names(0).empty());
}

/// Seams whose monitor is the fake library's.
CliSeams watched_seams() {
  CliSeams seams = test::quick_seams();
  seams.open_monitor = [](Device) {
    return MonitorChoice{Nvml(kFakeNvml).monitor(gpu_at("0000:1B:00.0")), {}};
  };
  seams.rest = std::chrono::milliseconds(1);
  return seams;
}

std::vector<std::string> watched_run(const ScratchFolder& folder,
                                     const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = test::with_tiny_model(
      "run", {"--db", folder / "runs.db", "--context", "64", "--phase", "prefill", "--retention",
              "1", "--min-samples", "2", "--max-samples", "2", "--progress", "plain"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST_CASE("a watched trial keeps its readings, and the table shows them") {
  const NvmlScript script(std::string(kQuiet) + "clock_limits 4\n");
  const ScratchFolder folder;
  const CliResult result = call_cli(watched_run(folder, {"--format", "json"}), watched_seams());
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const TrialRecord trial = test::last_run(folder / "runs.db").trials.at(0);
  CHECK(trial.outcome == TrialOutcome::ok);
  REQUIRE(trial.device_samples.size() >= 2);
  CHECK(trial.device_samples.back().sm_mhz == 1980);
  CHECK(trial.device_samples.back().elapsed_ns > 0);
  CHECK(nlohmann::json::parse(trial.conditions_json).at("gpu") == "GPU-5d2b");
  const auto row = nlohmann::json::parse(result.out).at("tables").at(0).at("rows").at(0);
  CHECK(row.at("sm_mhz") == 1980.0);
  CHECK(row.at("temperature_c") == 55.0);
  CHECK(std::abs(row.at("prefill_power_w").get<double>() - 600.0) <= 1e-9 * 600.0);
  CHECK(row.at("decode_power_w").is_null());
  const double joules = 600.0 * row.at("prefill_ms").get<double>() * 1e-3 / 64;
  CHECK(std::abs(row.at("prefill_joules_per_token").get<double>() - joules) <= 1e-9 * joules);
  CHECK(row.at("power_capped_percent") == 100.0);
  CHECK(row.at("discarded") == 0);
}

TEST_CASE("a throttled trial is discarded, told, and made again") {
  // The readings of the first attempt are two, of which the second is hot.
  const NvmlScript script(
      "pci 0000:1B:00.0\nsm_mhz 1980 1200 1980\ntemperature_c 60 91 60\nclock_limits 0 0x40 0\n");
  const ScratchFolder folder;
  const CliResult result = call_cli(watched_run(folder), watched_seams());
  CAPTURE(result.err);
  CHECK(result.code == 0);
  const RunResults results = test::last_run(folder / "runs.db");
  REQUIRE(results.trials.size() == 2);
  const TrialRecord& hot = results.trials[0];
  CHECK(hot.outcome == TrialOutcome::discarded);
  CHECK(contains(hot.reason, "HW thermal slowdown in 1 of "));
  CHECK(contains(hot.reason, "1200 to 1980 MHz, up to 91 °C"));
  CHECK_FALSE(hot.metrics.empty());
  CHECK(results.trials[1].outcome == TrialOutcome::ok);
  CHECK(contains(result.err, "discarded: throttled: HW thermal slowdown"));
  CHECK(contains(result.err, "the device rests"));
  CHECK(contains(result.out, "ok (1 discarded)"));
}

TEST_CASE("a device that stays throttled ends with exit code 4 after a bounded number of trials") {
  const NvmlScript script("pci 0000:1B:00.0\nsm_mhz 600\nclock_limits 0x80\n");
  const ScratchFolder folder;
  const CliResult result = call_cli(watched_run(folder), watched_seams());
  CAPTURE(result.err);
  CHECK(result.code == 4);
  const RunResults results = test::last_run(folder / "runs.db");
  CHECK(results.trials.size() == 3);
  CHECK(results.run.status == "done");
  for (const TrialRecord& trial : results.trials) {
    CHECK(trial.outcome == TrialOutcome::discarded);
    CHECK(contains(trial.reason, "throttled: HW power brake in "));
  }
  CHECK(contains(result.err, "1 discarded"));
  CHECK(contains(result.out, "discarded: throttled"));
  SECTION("resume tries it again") {
    const NvmlScript cool(kQuiet);
    const CliResult resumed =
        call_cli({"resume", "last", "--db", folder / "runs.db"}, watched_seams());
    CAPTURE(resumed.err);
    CHECK(resumed.code == 0);
    CHECK(test::last_run(folder / "runs.db").trials.back().outcome == TrialOutcome::ok);
  }
}

TEST_CASE("without NVML the run goes on, says so once, and its conditions say so") {
  const ScratchFolder folder;
  CliSeams seams = watched_seams();
  seams.open_monitor = [](Device) { return MonitorChoice{nullptr, "libnvidia-ml.so.1 is gone"}; };
  const CliResult result = call_cli(watched_run(folder, {"--repeat", "2"}), seams);
  CAPTURE(result.err);
  CHECK(result.code == 0);
  const std::size_t first = result.err.find("clocks are not watched: libnvidia-ml.so.1 is gone");
  REQUIRE(first != std::string::npos);
  CHECK(result.err.find("clocks are not watched", first + 1) == std::string::npos);
  for (const TrialRecord& trial : test::last_run(folder / "runs.db").trials) {
    CHECK(trial.device_samples.empty());
    CHECK(nlohmann::json::parse(trial.conditions_json).at("clocks_not_watched") ==
          "libnvidia-ml.so.1 is gone");
  }
}

TEST_CASE("the CPU has no clocks to watch") {
  const MonitorChoice choice = open_monitor({});
  CHECK(choice.monitor == nullptr);
  CHECK(choice.unavailable.empty());
}

TEST_CASE("the tool's own search finds NVML, and its settings are part of the machine") {
  const NvmlScript script(std::string(kQuiet) +
                          "driver 580.65.06\npower_limit_mw 700000\nmax_sm_mhz 1980\necc 1\n"
                          "persistence 0\nmig 0\napplication_sm_mhz 1830\n");
  const ScratchFolder folder;
  const auto machine_of_run = [&](bool with_nvml) {
    std::filesystem::remove(folder / "runs.db");
    const std::string libraries = folder / (with_nvml ? "both" : "cuda");
    std::filesystem::create_directories(libraries);
    std::filesystem::copy(kFakeFolder + "/libcuda.so.1", libraries,
                          std::filesystem::copy_options::overwrite_existing);
    if (with_nvml) {
      std::filesystem::copy(kFakeNvml, libraries,
                            std::filesystem::copy_options::overwrite_existing);
    }
    test::ToolProcess tool(folder, watched_run(folder),
                           [&] { setenv("LD_LIBRARY_PATH", libraries.c_str(), 1); });
    REQUIRE(tool.wait() == 0);
    return test::last_run(folder / "runs.db").run;
  };
  const RunRecord run = machine_of_run(true);
  const auto gpu = nlohmann::json::parse(run.machine_json).at("gpus").at(0);
  CHECK(gpu.at("name") == "Scripted GPU");
  CHECK(gpu.at("driver") == "580.65.06");
  CHECK(gpu.at("power_limit_mw") == 700'000);
  CHECK(gpu.at("max_sm_mhz") == 1980);
  CHECK(gpu.at("application_sm_mhz") == 1830);
  CHECK(gpu.at("ecc") == true);
  CHECK(gpu.at("persistence") == false);
  CHECK(gpu.at("mig") == false);
  CHECK_FALSE(gpu.contains("uuid"));  // another of the same kind is no other machine
  CHECK_FALSE(gpu.contains("max_memory_mhz"));

  const RunRecord without = machine_of_run(false);
  CHECK_FALSE(nlohmann::json::parse(without.machine_json).at("gpus").at(0).contains("driver"));
  CHECK(without.machine_id != run.machine_id);
}

}  // namespace
}  // namespace dsabench
