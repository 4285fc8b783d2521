#include "harness/run/ab_run.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace dsabench {
namespace {

constexpr std::array<Arm, 3> kRoundArms{Arm::base, Arm::twin, Arm::candidate};

bool is_decided(const GateRow& row) {
  return row.verdict == Verdict::pass || row.verdict == Verdict::regression;
}

}  // namespace

std::optional<std::vector<GateSample>> measure_round(std::span<const Arm> arms, std::uint64_t seed,
                                                     std::int64_t round,
                                                     const RoundCallbacks& callbacks) {
  std::vector<GateSample> samples;
  for (const Arm arm : order_of_round(arms, seed, round)) {
    if (callbacks.interrupted()) return std::nullopt;
    const auto place = static_cast<std::int64_t>(samples.size());
    std::optional<RunResults> run = callbacks.measure({round, place, arm, {}});
    if (!run) return std::nullopt;
    samples.push_back({arm, round, place, std::move(*run)});
  }
  return samples;
}

bool has_every_cell(const RunResults& run) {
  return std::all_of(run.plan.begin(), run.plan.end(), [&run](const PlannedCell& planned) {
    return std::any_of(run.trials.begin(), run.trials.end(), [&](const TrialRecord& trial) {
      return trial.cell_id == planned.cell.cell_id && trial.outcome == TrialOutcome::ok;
    });
  });
}

AbResult run_ab(const AbOptions& options, const RoundCallbacks& callbacks) {
  AbResult result;
  GateEvidence evidence{.paired = true,
                        .samples = {},
                        .ignored_keys = options.ignored_keys,
                        .noise_floors = options.noise_floors,
                        .alpha_share = options.looks.alpha_share};
  const std::vector<std::int64_t>& looks = options.looks.pairs;

  /// True where the comparison is at its end.
  const auto look = [&] {
    AbLook seen{result.num_looks++, std::ssize(looks), result.num_rounds, 0,
                options.judge(evidence)};
    const std::vector<GateRow>& rows = seen.report.rows;
    seen.num_decided = std::count_if(rows.begin(), rows.end(), is_decided);
    options.looked(seen);
    const bool ended = seen.num_decided == std::ssize(rows) ||
                       seen.report.verdict == Verdict::environment_untrusted;
    result.report = std::move(seen.report);
    return ended;
  };

  for (const std::int64_t pairs : looks) {
    while (result.num_rounds < pairs) {
      if (result.num_rounds > 0 && !callbacks.fits()) {
        result.out_of_time = true;
        break;
      }
      auto round = measure_round(kRoundArms, options.seed, result.num_rounds, callbacks);
      if (!round) {
        result.interrupted = true;
        return result;
      }
      callbacks.keep(*round);
      ++result.num_rounds;
      for (const GateSample& sample : *round) result.spoiled |= !has_every_cell(sample.run);
      std::move(round->begin(), round->end(), std::back_inserter(evidence.samples));
      if (result.spoiled) break;
    }
    const bool anything_new =
        result.num_looks == 0 || result.num_rounds > looks[result.num_looks - 1];
    if (anything_new && look()) return result;
    if (result.out_of_time || result.spoiled) return result;
  }
  return result;
}

}  // namespace dsabench
