/// The tool killed at random moments of a sweep, and gone on with. DSABENCH_KILLS says how often;
/// the default keeps the suite short.
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "results/maintenance.h"
#include "tests/harness/tool_process.h"
#include "tests/support/random.h"
#include "tests/support/sanitized.h"

namespace dsabench {
namespace {

using test::ScratchFolder;
using test::ToolProcess;
using Pairs = std::set<std::pair<std::string, std::int64_t>>;

constexpr std::int64_t kRepeats = 2;

std::vector<std::string> sweep(const std::string& db) {
  return test::with_tiny_model(
      "run", {"--db", db, "--context", "32,64,96", "--retention", "1,1/3", "--repeat",
              std::to_string(kRepeats), "--min-samples", "2", "--max-samples", "2",
              "--decode-tokens", "2", "--progress", "jsonl"});
}

Pairs ok_pairs(const RunResults& run) {
  Pairs pairs;
  for (const TrialRecord& trial : run.trials) {
    if (trial.outcome == TrialOutcome::ok)
      CHECK(pairs.insert({trial.cell_id, trial.repeat}).second);
  }
  return pairs;
}

/// The trials that a process said it had finished.
Pairs told_pairs(const std::string& progress) {
  Pairs pairs;
  std::istringstream lines(progress);
  for (std::string line; std::getline(lines, line);) {
    const auto event = nlohmann::json::parse(line, nullptr, false);
    if (event.is_discarded() || event.at("event") != "trial_finished") continue;
    pairs.insert({event.at("cell").get<std::string>(), event.at("repeat").get<std::int64_t>()});
  }
  return pairs;
}

/// One sweep from its beginning to its end, with kills in between.
class KilledSweep {
 public:
  explicit KilledSweep(const RunResults& uninterrupted) : whole_(uninterrupted) {}

  /// Starts or goes on, and kills after `delay`. False where it came to its end before that.
  bool kill_after(std::chrono::microseconds delay) {
    ToolProcess tool(folder_, next_arguments());
    tool.ends_within(delay);
    tool.kill(SIGKILL);
    const int code = tool.wait();
    check_nothing_lost(told_pairs(tool.err()));
    if (code == -SIGKILL) return true;
    CAPTURE(code, tool.err());
    CHECK((code == 0 || code == 5));  // 5: a cell that was killed too often stays failed
    ended_ = true;
    return false;
  }
  bool ended() const { return ended_; }

  /// Goes on without kills, and compares with the run that was never killed.
  void finish() {
    std::vector<std::string> arguments = next_arguments();
    if (arguments.front() == "resume") arguments.push_back("--retry-failed");
    ToolProcess tool(folder_, arguments);
    const int code = tool.wait();
    CAPTURE(tool.err());
    CHECK(code == 0);
    CHECK(check_database(db()).clean());
    const RunResults run = load().value();
    CHECK(run.run.status == "done");
    CHECK(run.run.plan_id == whole_.run.plan_id);
    CHECK(ok_pairs(run) == ok_pairs(whole_));
    REQUIRE(run.plan.size() == whole_.plan.size());
    for (std::size_t i = 0; i < run.plan.size(); ++i) {
      CHECK(run.plan[i].cell.cell_id == whole_.plan[i].cell.cell_id);
    }
  }

 private:
  std::string db() const { return folder_ / "runs.db"; }

  std::optional<RunResults> load() const {
    if (!std::filesystem::exists(db())) return std::nullopt;
    // As any process would that comes after: what was being written is put in order.
    const ResultStore store = ResultStore::open(db(), ResultStore::Mode::read_write);
    const std::vector<RunRecord> runs = store.list_runs();
    REQUIRE(runs.size() <= 1);
    if (runs.empty()) return std::nullopt;
    return store.load_run(runs[0].run_id);
  }

  std::vector<std::string> next_arguments() const {
    if (!load()) return sweep(db());
    return {"resume", "last", "--db", db(), "--progress", "jsonl", "--no-ceilings"};
  }

  void check_nothing_lost(const Pairs& told) {
    const std::optional<RunResults> run = load();
    if (std::filesystem::exists(db())) {
      const CheckReport report = check_database(db());
      for (const Finding& finding : report.findings) FAIL_CHECK(finding.check + finding.detail);
    }
    Pairs now;
    if (run) now = ok_pairs(*run);
    for (const auto& pair : known_) CHECK(now.contains(pair));
    for (const auto& pair : told) CHECK(now.contains(pair));
    // Beside what was told, the trial that was written as the kill came.
    std::size_t num_new = 0;
    for (const auto& pair : now) num_new += known_.contains(pair) ? 0 : 1;
    CHECK(num_new <= told.size() + 1);
    if (run) {
      const ResultStore store = ResultStore::open(db(), ResultStore::Mode::read_only);
      CHECK(store.load_progress(run->run.run_id).running.size() <= 1);
    }
    known_ = std::move(now);
  }

  const RunResults& whole_;
  ScratchFolder folder_;
  Pairs known_;
  bool ended_ = false;
};

TEST_CASE("killed at any moment, a sweep loses at most the running trial") {
  const char* asked = std::getenv("DSABENCH_KILLS");
  const int wanted = asked != nullptr ? std::stoi(asked) : test::kSanitized ? 4 : 10;
  const std::uint64_t seed = test::test_seed();
  INFO("DSABENCH_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);

  const ScratchFolder folder;
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(ToolProcess(folder, sweep(folder / "whole.db")).wait() == 0);
  const auto taken = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - start);
  const ResultStore store = ResultStore::open(folder / "whole.db", ResultStore::Mode::read_only);
  const RunResults whole = store.load_run(store.list_runs().at(0).run_id);
  REQUIRE(whole.trials.size() == 12 * kRepeats);

  std::uniform_int_distribution<std::int64_t> delay(0, taken.count());
  int kills = 0, sweeps = 0;
  while (kills < wanted) {
    KilledSweep sweep_under_fire(whole);
    ++sweeps;
    while (kills < wanted && !sweep_under_fire.ended()) {
      if (sweep_under_fire.kill_after(std::chrono::microseconds(delay(random)))) ++kills;
    }
    sweep_under_fire.finish();
  }
  WARN(fmt::format("{} kills over {} sweeps of {} trials ({} ms each)", kills, sweeps,
                   whole.trials.size(), taken.count() / 1000));
}

}  // namespace
}  // namespace dsabench
