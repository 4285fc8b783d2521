#include "tests/results/report_fixture.h"

#include <fmt/format.h>

#include "results/identity.h"
#include "results/overlap_record.h"

namespace dsabench::test {
namespace {

constexpr std::int64_t kStarted = 1'790'000'000'000, kHour = 3'600'000;
constexpr const char* kPatterns[] = {"FFFFFFFF", "FSFSFSFS", "FSSSFSSS", "FFSSFSSS"};
constexpr const char* kRetentions[] = {"1", "1/2", "1/4", ""};

/// The runs' common parts, and a place for their cells.
class FixtureWriter {
 public:
  FixtureWriter(const std::string& path, Random& random, bool hostile)
      : store_(ResultStore::open(path, ResultStore::Mode::read_write)), random_(random) {
    name_ = hostile ? hostile_for_pages() : "tiny";
  }

  ReportFixture write() {
    ReportFixture fixture;
    fixture.hostile = name_;
    for (std::int64_t i = 0; i < ReportFixture::kHistoryRuns; ++i) {
      fixture.newest_history_run = write_history(i);
    }
    fixture.search_run = write_search();
    fixture.overlap_run = write_overlap();
    fixture.main_run = write_main();
    return fixture;
  }

 private:
  RunRecord run_of(std::int64_t number, const std::string& plan, const std::string& command) {
    RunRecord run;
    run.run_id = fmt::format("01a00000-0000-7000-8000-{:012}", number);
    run.started_ms = kStarted + number * kHour;
    run.finished_ms = run.started_ms + 90'500;
    run.status = "done";
    run.command_line = "dsabench " + command;
    run.tool_version = "0.1.0";
    run.machine_json = "{\"cpu_model\":\"Example CPU\",\"threads\":8}";
    run.machine_id = content_hash(run.machine_json);
    run.build_json = fmt::format("{{\"git_commit\":\"{:040x}\"}}", 0xabcdef + number / 4);
    run.build_id = content_hash(run.build_json);
    run.model_json = "{\"weights\":\"w\"}";
    run.model_id = content_hash(run.model_json);
    if (!plan.empty()) {
      run.plan_json = "{\"plan\":\"" + plan + "\"}";
      run.plan_id = content_hash(run.plan_json);
    }
    return run;
  }

  PlannedCell cell_of(const std::string& suite, const std::string& phase, std::int64_t context,
                      std::size_t pattern) {
    PlannedCell planned;
    CellRecord& cell = planned.cell;
    cell.model = name_;
    cell.pattern = kPatterns[pattern];
    cell.suite = suite;
    cell.phase = phase;
    cell.device_kind = "cpu";
    cell.dtype = "f32";
    cell.indexer_mode = "exact";
    cell.context_tokens = context;
    cell.canonical_json = fmt::format(
        "{{\"context_tokens\":{},{}\"pattern\":\"{}\",\"phase\":\"{}\",\"suite\":\"{}\"}}", context,
        phase == "decode" ? "\"decode_tokens\":4," : "", cell.pattern, phase, suite);
    cell.cell_id = content_hash(cell.canonical_json + name_);
    planned.nominal_retention = kRetentions[pattern];
    planned.pattern_origin = planned.nominal_retention.empty() ? "searched" : "uniform";
    planned.dialect = "paper";
    return planned;
  }

  TrialRecord trial_of(const RunRecord& run, const PlannedCell& planned, TrialOutcome outcome) {
    TrialRecord trial;
    trial.run_id = run.run_id;
    trial.cell_id = planned.cell.cell_id;
    trial.started_ms = run.started_ms;
    trial.finished_ms = run.finished_ms;
    trial.outcome = outcome;
    trial.stop_reason = "count";
    trial.verification_json = trial.conditions_json = "{}";
    return trial;
  }

  /// Around `ns`, with a spread of 2 %.
  std::vector<std::int64_t> times(double ns, int count) {
    std::vector<std::int64_t> values;
    for (int i = 0; i < count; ++i) {
      values.push_back(static_cast<std::int64_t>(ns * (1 + random_.uniform(-0.02, 0.02))));
    }
    return values;
  }

  TrialRecord speed_trial(const RunRecord& run, const PlannedCell& planned) {
    const CellRecord& cell = planned.cell;
    const bool decode = cell.phase == "decode";
    TrialRecord trial = trial_of(run, planned, TrialOutcome::ok);
    const double full =
        static_cast<double>(std::count(cell.pattern.begin(), cell.pattern.end(), 'F'));
    const double rest = decode ? 2e6 : 2e4 * static_cast<double>(cell.context_tokens);
    const double indexer = rest * full / ReportFixture::kLayers;
    trial.metrics = {
        {decode ? "decode_step" : "prefill", "ns", "lower", times(rest + indexer, decode ? 24 : 9)},
        {"matrix_work", "count", "exact", {static_cast<std::int64_t>(rest / 2) * (decode ? 4 : 1)}},
        {"matrix_work_f8", "count", "exact", {0}}};
    const std::string metric = decode ? "decode" : "prefill";
    const auto add = [&](std::int64_t layer, const char* stage, double ns) {
      trial.stage_times.push_back({metric, 0, layer, stage, static_cast<std::int64_t>(ns)});
    };
    add(-1, "lm_head", rest / 20);
    add(0, "indexer_score", indexer * random_.uniform(0.7, 0.8));
    add(0, "moe", rest / 2);
    add(0, "sparse_attention", rest / 3);
    add(0, "topk", indexer * 0.2);
    return trial;
  }

  void write_speed(const RunRecord& run, const std::vector<PlannedCell>& plan) {
    for (const PlannedCell& planned : plan) {
      if (planned.cell.suite != "speed") continue;
      if (planned.cell.context_tokens == 8192) {
        TrialRecord wrong = speed_trial(run, planned);
        wrong.outcome = TrialOutcome::incorrect;
        wrong.reason = "row 7 differs by 0.5: " + name_;
        wrong.metrics = {{"prefill", "ns", "lower", {1'000}}};
        store_.add_trial(wrong);
      } else if (planned.cell.context_tokens == 16384) {
        TrialRecord failed = trial_of(run, planned, TrialOutcome::failed);
        failed.reason = "out of memory: " + name_;
        store_.add_trial(failed);
      } else {
        store_.add_trial(speed_trial(run, planned));
      }
    }
  }

  void write_quality(const RunRecord& run, const PlannedCell& planned) {
    TrialRecord trial = trial_of(run, planned, TrialOutcome::ok);
    for (const std::string& task : {std::string("niah"), "task " + name_}) {
      for (std::int64_t i = 0; i < ReportFixture::kItems; ++i) {
        const std::string item = fmt::format("item-{}", i);
        trial.answers.push_back({item, task, content_hash(item), 1000, 8, name_, "stop",
                                 random_.uniform() < 0.6 ? 1.0 : 0.0});
      }
    }
    store_.add_trial(trial);
  }

  std::string write_main() {
    RunRecord run = run_of(100, "main", "run --model " + name_ + " --retention 1,1/2,1/4");
    run.ceilings = {{-1, "matrix_f32", "FLOP", 2'000'000, 1'000'000, "2048^3"},
                    {-1, "copy", "bytes", 2'000'000'000, 100'000'000, "read and written"}};
    std::vector<PlannedCell> plan;
    for (const std::int64_t context : {1024, 4000}) {
      for (std::size_t pattern = 0; pattern < 4; ++pattern) {
        for (const char* phase : {"prefill", "decode"}) {
          plan.push_back(cell_of("speed", phase, context, pattern));
        }
      }
    }
    plan.push_back(cell_of("speed", "prefill", 8192, 2));
    plan.push_back(cell_of("speed", "prefill", 16384, 2));
    const std::size_t quality = plan.size();
    for (std::size_t pattern = 0; pattern < 4; ++pattern) {
      plan.push_back(cell_of("ruler", "generate", 1024, pattern));
    }
    for (std::size_t i = 0; i < plan.size(); ++i) plan[i].position = static_cast<std::int64_t>(i);
    store_.add_run(run, plan);
    write_speed(run, plan);
    for (std::size_t i = quality; i < plan.size(); ++i) write_quality(run, plan[i]);
    return run.run_id;
  }

  /// The level is 20 % higher in the second half.
  std::string write_history(std::int64_t number) {
    const RunRecord run = run_of(number, "history", "run --context 2Ki");
    const std::vector<PlannedCell> plan = {cell_of("speed", "prefill", 2048, 0)};
    store_.add_run(run, plan);
    TrialRecord trial = trial_of(run, plan[0], TrialOutcome::ok);
    const double level = 2 * number < ReportFixture::kHistoryRuns ? 1.0 : 1.2;
    trial.metrics = {{"prefill", "ns", "lower", times(50e6 * level, 7)}};
    store_.add_trial(trial);
    return run.run_id;
  }

  std::string write_search() {
    RunRecord run = run_of(50, "", "search --model " + name_);
    run.status = kSearchStatus;
    SearchRecord search;
    search.run_id = run.run_id;
    search.settings_json = "{\"suite\":\"facts\",\"context_tokens\":512}";
    std::string pattern(ReportFixture::kLayers, 'F');
    search.patterns = {{0, "all Full", pattern, "1", 2.0}};
    double loss = 2.0;
    for (std::int64_t step = 0; step < 6; ++step) {
      const std::string from = pattern;
      std::int64_t position = 0;
      const std::int64_t kept = ReportFixture::kLayers - 1 - step;
      for (std::int64_t layer = 1; layer <= kept; ++layer) {
        const double extra = layer == kept ? 0.01 : random_.uniform(0.02, 0.1);
        search.flips.push_back(
            {0, "greedy", step, position++, from, layer, loss + extra, false, layer == kept});
      }
      pattern[static_cast<std::size_t>(kept)] = 'S';
      loss += 0.01;
      if (step == 3) search.patterns.push_back({0, "greedy", pattern, "1/2", loss});
    }
    search.patterns.push_back({0, "greedy", pattern, "1/4", loss});
    search.patterns.push_back({0, "uniform", kPatterns[2], "1/4", loss + 0.2});
    store_.add_search(run, search);
    return run.run_id;
  }

  std::string write_overlap() {
    RunRecord run = run_of(60, "", "overlap --model " + name_);
    run.status = kOverlapStatus;
    const PlannedCell planned = cell_of("facts", "prefill", 512, 0);
    store_.add_run(run, {planned});
    TrialRecord trial = trial_of(run, planned, TrialOutcome::ok);
    std::vector<std::int64_t> matrix;
    for (std::int64_t a = 0; a < ReportFixture::kLayers; ++a) {
      for (std::int64_t b = 0; b < ReportFixture::kLayers; ++b) {
        matrix.push_back(a == b ? 1'000'000 : random_.integer(200'000, 900'000));
      }
    }
    trial.metrics = {{kOverlapMatrix, "count", "exact", std::move(matrix)}};
    store_.add_trial(trial);
    return run.run_id;
  }

  ResultStore store_;
  Random& random_;
  std::string name_;
};

}  // namespace

std::string hostile_for_pages() {
  return "</script><script>document.title='owned'</script><!-- <img src=x onerror=alert(1)>"
         "\"'`&amp;\xE2\x80\xA8\xE2\x80\xA9\x07\x1b[31m,;|\r\n=1+1]]> \xF0\x9F\xA6\x89 \xE2\x80\xAE"
         "__proto__ \xff";
}

RunResults wide_run(Random& random, std::int64_t num_cells) {
  RunResults results;
  results.run.run_id = new_run_id();
  results.run.status = "done";
  results.run.machine_json = results.run.build_json = results.run.model_json = "{}";
  results.run.ceilings = {{-1, "matrix_bf16", "FLOP", 8'000'000, 10'000, ""}};
  for (std::int64_t i = 0; i < num_cells; ++i) {
    PlannedCell& planned = results.plan.emplace_back();
    CellRecord& cell = planned.cell;
    cell.model = "glm-4.7-flash-dsa";
    cell.pattern = std::string(47, 'S');
    const std::int64_t every = std::int64_t{1} << i % 4;
    for (std::int64_t layer = 0; layer < 47; layer += every) {
      cell.pattern[static_cast<std::size_t>(layer)] = 'F';
    }
    cell.suite = "speed";
    cell.phase = "prefill";
    cell.device_kind = "cuda";
    cell.dtype = "bf16";
    cell.context_tokens = 1000 + 10 * (i / 4);
    cell.canonical_json = "{\"context_tokens\":" + std::to_string(cell.context_tokens) +
                          ",\"pattern\":\"" + cell.pattern + "\"}";
    cell.cell_id = content_hash(cell.canonical_json);
    planned.position = i;
    planned.pattern_origin = "uniform";
    planned.nominal_retention = every == 1 ? "1" : "1/" + std::to_string(every);
    TrialRecord& trial = results.trials.emplace_back();
    trial.cell_id = cell.cell_id;
    trial.outcome = TrialOutcome::ok;
    trial.verification_json = trial.conditions_json = "{}";
    trial.metrics = {{"prefill", "ns", "lower", {}},
                     {"matrix_work", "count", "exact", {random.integer(1e9, 1e10)}},
                     {"matrix_work_f8", "count", "exact", {0}}};
    for (int sample = 0; sample < 5; ++sample) {
      trial.metrics[0].values.push_back(random.integer(90'000'000, 110'000'000));
    }
    for (const char* stage : {"indexer_proj", "indexer_score", "topk", "sparse_attention",
                              "attention_proj", "moe", "norm_rope_quant", "lm_head"}) {
      trial.stage_times.push_back({"prefill", 0, 0, stage, random.integer(1'000, 10'000'000)});
    }
  }
  return results;
}

ReportFixture write_report_fixture(const std::string& path, Random& random, bool hostile) {
  return FixtureWriter(path, random, hostile).write();
}

}  // namespace dsabench::test
