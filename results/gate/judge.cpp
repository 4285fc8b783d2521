#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

#include "kernels/base/error.h"
#include "results/gate.h"
#include "results/gate/cells.h"
#include "results/gate/environment.h"
#include "results/gate/exactness.h"
#include "results/gate/metrics.h"
#include "results/gate/quality_rows.h"
#include "results/gate/time_rows.h"

namespace dsabench {
namespace {

using namespace gate;

class Judge {
 public:
  Judge(const GatePolicy& policy, const GateEvidence& evidence)
      : policy_(policy), evidence_(evidence), cells_(gather_cells(evidence)) {}

  GateReport run() {
    for (const Arm arm : {Arm::base, Arm::candidate}) {
      const bool there = std::any_of(evidence_.samples.begin(), evidence_.samples.end(),
                                     [&](const GateSample& sample) { return sample.arm == arm; });
      if (!there) {
        throw InvalidArgument(fmt::format("gate: there is no process of the {}", arm_name(arm)));
      }
    }
    check_runs(evidence_, environment_);
    for (const EvidenceCell& cell : cells_.cells) open_cell(cell);
    require_fitting(policy_, used_, cells_.cells);
    close_times(times_, evidence_.paired, report_, environment_);
    distrust_uncalibrated();
    close_quality(quality_, report_, environment_);
    count_throttled(evidence_, environment_);
    tell_new_cells();
    conclude();
    return std::move(report_);
  }

 private:
  double alpha() const { return policy_.alpha * evidence_.alpha_share; }

  GateRow& add_row(const EvidenceCell& cell, const std::string& metric, MetricKind kind) {
    GateRow& row = report_.rows.emplace_back();
    row.cell = cell.cell();
    row.metric = metric;
    row.kind = kind;
    return row;
  }
  void regress(GateRow& row, std::string reason) {
    row.verdict = Verdict::regression;
    row.reason = std::move(reason);
    row.effect = 0;
    report_.quality_regressed = true;
  }

  void open_cell(const EvidenceCell& cell) {
    if (cell.base.empty()) {
      if (!cell.candidate.empty()) new_cells_.push_back(cell.name());
      return;
    }
    const std::vector<AskedMetric> asked = asked_metrics(policy_, cell, used_);
    const Tally base = tally(cell.base), twin = tally(cell.twin);
    if (base.num_incorrect > 0 || twin.num_incorrect > 0) {
      environment_.note(fmt::format("{} is not judged: it is wrong in the base: {}", cell.name(),
                                    base.num_incorrect > 0 ? base.reason : twin.reason));
      return;
    }
    check_throttling(cell, environment_);
    if (base.num_ok == 0) {
      environment_.note(fmt::format("{} is not judged: the base has not measured it: {}",
                                    cell.name(), base.reason));
      return;
    }
    if (asked.empty() || !candidate_has(cell, base)) return;
    for (const AskedMetric& metric : asked) open_metric(cell, metric);
    open_wildcard(cell, asked);
  }

  /// Whether the candidate has the cell as the base has it; a row says where not.
  bool candidate_has(const EvidenceCell& cell, const Tally& base) {
    const Tally candidate = tally(cell.candidate);
    if (cell.candidate.empty()) {
      regress(add_row(cell, "cell", MetricKind::exact), "the candidate does not have this cell");
      return false;
    }
    const auto num_processes = cell.candidate.size();
    if (candidate.num_incorrect > 0) {
      regress(add_row(cell, "cell", MetricKind::exact),
              fmt::format("wrong in {} of {} processes: {}", candidate.num_incorrect, num_processes,
                          candidate.reason));
      return false;
    }
    if (candidate.num_failed > 0) {
      const std::string how = fmt::format("failed in {} of {} processes: {}", candidate.num_failed,
                                          num_processes, candidate.reason);
      if (base.num_failed == 0) {
        regress(add_row(cell, "cell", MetricKind::exact), how);
        return false;
      }
      environment_.note(
          fmt::format("{}: {}; {} of the base's did too", cell.name(), how, base.num_failed));
    }
    if (candidate.num_ok > 0) return true;
    GateRow& row = add_row(cell, "cell", MetricKind::exact);
    row.verdict = Verdict::insufficient;
    row.reason = "the candidate has not measured this cell: " + candidate.reason;
    return false;
  }

  void add_lost(const EvidenceCell& cell, const AskedMetric& asked) {
    GateRow& row = add_row(cell, asked.name, asked.gated->kind);
    row.unit = asked.unit;
    regress(row, "the candidate no longer measures it");
  }

  void open_metric(const EvidenceCell& cell, const AskedMetric& asked) {
    if (asked.wildcard) return;
    if (asked.lost) {
      add_lost(cell, asked);
      return;
    }
    switch (asked.gated->kind) {
      case MetricKind::time:
        open_time(cell, asked);
        break;
      case MetricKind::exact:
        add_exact(cell, asked.name, asked.unit);
        break;
      case MetricKind::quality:
        open_quality(cell, asked.gated->margin);
        break;
    }
  }

  void open_time(const EvidenceCell& cell, const AskedMetric& asked) {
    const std::string& base_id = cell.base.front().view->cell().cell_id;
    const auto floor = std::find_if(evidence_.noise_floors.begin(), evidence_.noise_floors.end(),
                                    [&](const NoiseFloor& known) {
                                      return known.cell_id == base_id && known.metric == asked.name;
                                    });
    const bool calibrated = floor != evidence_.noise_floors.end();
    if (!calibrated && policy_.require_calibration) ++num_uncalibrated_;
    TimeCase& opened = times_.emplace_back();
    opened.row = report_.rows.size();
    opened.cell = &cell;
    opened.metric = asked.name;
    opened.rule.alpha = alpha();
    opened.rule.confidence = policy_.confidence;
    opened.rule.margin = asked.gated->margin;
    if (calibrated) {
      opened.rule.noise = policy_.noise_factor * floor->sd * std::sqrt(floor->num_pairs);
    }
    add_row(cell, asked.name, MetricKind::time).unit = asked.unit;
  }

  void open_quality(const EvidenceCell& cell, double margin) {
    quality_.push_back(
        {report_.rows.size(), &cell, {alpha(), policy_.confidence, margin, policy_.seed}});
    add_row(cell, "score", MetricKind::quality).unit = "points";
  }

  /// Whether the base agrees with itself; distrusts the environment where not.
  bool agrees(const EvidenceCell& cell, const std::string& metric, const Exactness& with_candidate,
              const Exactness& with_twin) {
    if (with_candidate.base_equal && (cell.twin.empty() || with_twin.equal)) return true;
    environment_.distrust(
        fmt::format("{}, {}: the base differs from itself: {}", cell.name(), metric,
                    with_candidate.base_equal ? with_twin.reason : with_candidate.reason));
    return false;
  }

  void add_exact(const EvidenceCell& cell, const std::string& metric, const std::string& unit) {
    const auto compare = [&](const std::vector<Observation>& other) {
      return metric == "tokens" ? compare_outputs(cell.base, other)
                                : compare_metric(cell.base, other, metric);
    };
    const Exactness seen = compare(cell.candidate);
    GateRow& row = add_row(cell, metric, MetricKind::exact);
    row.unit = unit;
    row.base = seen.base;
    row.candidate = seen.candidate;
    row.num_base = seen.num_base;
    row.num_candidate = seen.num_candidate;
    row.reason = seen.reason;
    row.effect = seen.equal ? 1 : 0;
    if (!agrees(cell, metric, seen, cell.twin.empty() ? Exactness{} : compare(cell.twin))) {
      row.verdict = Verdict::environment_untrusted;
    } else if (seen.equal) {
      row.verdict = Verdict::pass;
    } else {
      regress(row, seen.reason);
    }
  }

  /// All exact metrics that no name asked for: one row where they are equal, else a row for each
  /// that is not.
  void open_wildcard(const EvidenceCell& cell, const std::vector<AskedMetric>& asked) {
    std::int64_t num_equal = 0;
    const std::size_t first = report_.rows.size();
    for (const AskedMetric& metric : asked) {
      if (!metric.wildcard) continue;
      if (metric.lost) {
        add_lost(cell, metric);
        continue;
      }
      add_exact(cell, metric.name, metric.unit);
      if (report_.rows.back().verdict != Verdict::pass) continue;
      ++num_equal;
      report_.rows.pop_back();
    }
    if (num_equal == 0 || report_.rows.size() > first) return;
    GateRow& row = add_row(cell, "exact", MetricKind::exact);
    row.verdict = Verdict::pass;
    row.unit = "metrics";
    row.base = row.candidate = static_cast<double>(num_equal);
    row.num_base = tally(cell.base).num_ok;
    row.num_candidate = tally(cell.candidate).num_ok;
    row.reason = fmt::format("all {} metrics equal in all processes", num_equal);
  }

  void distrust_uncalibrated() {
    if (num_uncalibrated_ == 0) return;
    environment_.distrust(
        fmt::format("{} of {} timed metrics have no calibration on this machine, and the policy "
                    "requires one",
                    num_uncalibrated_, times_.size()));
  }

  void tell_new_cells() {
    constexpr std::size_t kMostNamed = 10;
    for (std::size_t i = 0; i < std::min(kMostNamed, new_cells_.size()); ++i) {
      environment_.note("new, not in the base: " + new_cells_[i]);
    }
    if (new_cells_.size() > kMostNamed) {
      environment_.note(
          fmt::format("new, not in the base: {} more cells", new_cells_.size() - kMostNamed));
    }
  }

  void conclude() {
    report_.findings = std::move(environment_.findings);
    const auto any = [&](Verdict verdict) {
      return std::any_of(report_.rows.begin(), report_.rows.end(),
                         [&](const GateRow& row) { return row.verdict == verdict; });
    };
    if (!environment_.trusted) {
      report_.verdict = Verdict::environment_untrusted;
      for (const TimeCase& one : times_) {
        report_.rows[one.row].verdict = Verdict::environment_untrusted;
      }
      return;
    }
    report_.verdict = report_.rows.empty() ? Verdict::insufficient : Verdict::pass;
    for (const Verdict verdict :
         {Verdict::regression, Verdict::insufficient, Verdict::inconclusive}) {
      if (!any(verdict)) continue;
      report_.verdict = verdict;
      return;
    }
  }

  const GatePolicy& policy_;
  const GateEvidence& evidence_;
  const EvidenceCells cells_;
  std::set<const GatedMetric*> used_;
  Environment environment_;
  GateReport report_;
  std::vector<TimeCase> times_;
  std::vector<QualityCase> quality_;
  std::vector<std::string> new_cells_;
  std::int64_t num_uncalibrated_ = 0;
};

}  // namespace

const char* verdict_name(Verdict verdict) {
  constexpr std::array<const char*, 5> kNames = {"PASS", "REGRESSION", "INCONCLUSIVE",
                                                 "INSUFFICIENT", "ENVIRONMENT_UNTRUSTED"};
  return kNames.at(static_cast<std::size_t>(verdict));
}

GateReport judge(const GatePolicy& policy, const GateEvidence& evidence) {
  return Judge(policy, evidence).run();
}

}  // namespace dsabench
