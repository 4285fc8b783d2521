#include "harness/run/search_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <limits>
#include <map>
#include <tuple>

#include "engine/search/attention_similarity.h"
#include "engine/search/rank_correlation.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

/// A set of questions and the losses that are known of it.
class CalibrationSide {
 public:
  CalibrationSide(const SearchSetup& setup, std::vector<CalibrationText> texts)
      : loss_(setup.engine, std::move(texts),
              {setup.pass_tokens, [&setup](std::int64_t, std::int64_t) {
                 if (setup.interrupted && setup.interrupted()) throw Interrupted("search");
               }}) {}

  std::vector<PatternLoss> losses(std::span<const LayerPattern> patterns, double limit) {
    const auto started = std::chrono::steady_clock::now();
    std::vector<LayerPattern> unknown;
    std::map<std::string, std::size_t> place;
    for (const LayerPattern& pattern : patterns) {
      if (known_.contains(pattern.letters())) continue;
      if (place.emplace(pattern.letters(), unknown.size()).second) unknown.push_back(pattern);
    }
    const std::vector<PatternLoss> evaluated =
        unknown.empty() ? std::vector<PatternLoss>() : loss_.losses(unknown, limit);
    std::vector<PatternLoss> losses;
    for (const LayerPattern& pattern : patterns) {
      const auto found = place.find(pattern.letters());
      losses.push_back(found == place.end() ? known_.at(pattern.letters())
                                            : evaluated[found->second]);
    }
    for (std::size_t i = 0; i < unknown.size(); ++i) {
      if (!evaluated[i].given_up) known_.emplace(unknown[i].letters(), evaluated[i]);
    }
    asked_ += std::ssize(patterns);
    remembered_ += std::ssize(patterns) - std::ssize(unknown);
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    return losses;
  }

  std::vector<ScoredPattern> known() const {
    std::vector<ScoredPattern> scored;
    for (const auto& [letters, loss] : known_) {
      scored.push_back({LayerPattern::from_letters(letters), loss});
    }
    return scored;
  }
  SearchWork work(std::int64_t questions) const {
    return {questions, loss_.num_answer_tokens(), asked_, remembered_, loss_.work(), seconds_};
  }

 private:
  CalibrationLoss loss_;
  std::map<std::string, PatternLoss> known_;
  std::int64_t asked_ = 0, remembered_ = 0;
  double seconds_ = 0.0;
};

class SearchRun {
 public:
  explicit SearchRun(const SearchSetup& setup)
      : setup_(setup), num_layers_(setup.engine.config().num_layers) {
    sides_.emplace_back(setup, setup.texts);
    if (!setup.second_texts.empty()) sides_.emplace_back(setup, setup.second_texts);
  }

  SearchOutcome run() {
    try {
      evaluate_alone();
      for (const SearchMethod& method : setup_.methods) run_method(method);
      hold_against_second();
    } catch (const Interrupted&) {
      outcome_.record.interrupted = true;
    }
    return finish();
  }

 private:
  void evaluate_alone() {
    const LayerPattern full = LayerPattern::all_full(num_layers_);
    SearchStep step;
    for (std::int64_t layer = 1; layer < num_layers_; ++layer) {
      std::string letters = full.letters();
      letters[std::size_t(layer)] = 'S';
      step.flips.push_back({full, layer, {LayerPattern::from_letters(letters), {}}, false});
    }
    std::vector<std::vector<double>> of_sides;
    for (std::size_t side = 0; side < sides_.size(); ++side) {
      // All Full beside them: they share its layers.
      std::vector<LayerPattern> patterns{full};
      for (const Flip& flip : step.flips) patterns.push_back(flip.result.pattern);
      const auto losses = sides_[side].losses(patterns, kNoLimit);
      add_pattern(std::int64_t(side), kAllFullMethod, {full, losses.front()}, "1");
      std::vector<double>& values = of_sides.emplace_back();
      for (std::size_t i = 0; i < step.flips.size(); ++i) {
        step.flips[i].result.loss = losses[i + 1];
        values.push_back(losses[i + 1].value);
      }
      add_step(std::int64_t(side), kAloneMethod, step);
    }
    if (of_sides.size() == 2) {
      outcome_.flip_rank_correlation = rank_correlation(of_sides[0], of_sides[1]);
    }
    setup_.progress.message(
        fmt::format("all Full: loss {:.6f}; each of {} layers made Shared alone",
                    outcome_.record.patterns.front().loss, num_layers_ - 1));
  }

  void run_method(const SearchMethod& method) {
    switch (method.kind) {
      case SearchMethod::Kind::greedy:
      case SearchMethod::Kind::blocks:
        return keep_targets(
            method, greedy_search(num_layers_, {fewest(), method.count, setup_.give_up}, loss(),
                                  observer(method)));
      case SearchMethod::Kind::beam:
        return keep_targets(
            method, beam_search(num_layers_, {fewest(), method.count}, loss(), observer(method)));
      case SearchMethod::Kind::uniform:
        return keep_patterns(method, [&](const SearchTarget& target) {
          return LayerPattern::uniform(num_layers_, target.retention);
        });
      case SearchMethod::Kind::similarity: {
        const std::vector<double> matrix =
            attention_similarity(setup_.engine, setup_.texts, [&](std::int64_t) {
              if (setup_.interrupted && setup_.interrupted()) throw Interrupted("search");
            });
        return keep_patterns(method, [&](const SearchTarget& target) {
          return similarity_pattern(num_layers_, target.num_full, matrix);
        });
      }
    }
  }

  std::int64_t fewest() const {
    return std::min_element(
               setup_.targets.begin(), setup_.targets.end(),
               [](const SearchTarget& a, const SearchTarget& b) { return a.num_full < b.num_full; })
        ->num_full;
  }
  LossFunction loss() {
    return [this](std::span<const LayerPattern> patterns, double limit) {
      return sides_.front().losses(patterns, limit);
    };
  }
  SearchObserver observer(const SearchMethod& method) {
    return [this, name = method.name()](const SearchStep& step) {
      add_step(0, name, step);
      const auto best =
          std::min_element(step.flips.begin(), step.flips.end(), [](const Flip& a, const Flip& b) {
            return std::pair(!a.kept, a.result.loss.value) <
                   std::pair(!b.kept, b.result.loss.value);
          });
      setup_.progress.message(fmt::format("{}: {} Full layers: layer {} Shared, loss {:.6f}", name,
                                          best->result.pattern.num_full(), best->layer,
                                          best->result.loss.value));
    };
  }

  void keep_targets(const SearchMethod& method, const std::vector<ScoredPattern>& path) {
    for (const SearchTarget& target : setup_.targets) {
      const auto found = std::find_if(path.begin(), path.end(), [&](const ScoredPattern& scored) {
        return scored.pattern.num_full() == target.num_full;
      });
      add_pattern(0, method.name(), *found, target.retention.to_string());
    }
  }
  template <class Make>
  void keep_patterns(const SearchMethod& method, Make make) {
    std::vector<LayerPattern> patterns;
    for (const SearchTarget& target : setup_.targets) patterns.push_back(make(target));
    const auto losses = sides_.front().losses(patterns, kNoLimit);
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      add_pattern(0, method.name(), {patterns[i], losses[i]},
                  setup_.targets[i].retention.to_string());
    }
    setup_.progress.message(fmt::format("{}: {} patterns", method.name(), patterns.size()));
  }

  void hold_against_second() {
    if (sides_.size() < 2) return;
    std::vector<SearchedPattern> found;
    for (const SearchedPattern& pattern : outcome_.record.patterns) {
      if (pattern.calibration == 0 && pattern.method != kAllFullMethod) found.push_back(pattern);
    }
    std::vector<LayerPattern> patterns;
    for (const SearchedPattern& pattern : found) {
      patterns.push_back(LayerPattern::from_letters(pattern.pattern));
    }
    const auto losses = sides_[1].losses(patterns, kNoLimit);
    for (std::size_t i = 0; i < found.size(); ++i) {
      add_pattern(1, found[i].method, {patterns[i], losses[i]}, found[i].retention);
    }
  }

  void add_step(std::int64_t side, const std::string& method, const SearchStep& step) {
    for (std::size_t i = 0; i < step.flips.size(); ++i) {
      const Flip& flip = step.flips[i];
      outcome_.record.flips.push_back({side, method, step.step, std::int64_t(i),
                                       flip.from.letters(), flip.layer, flip.result.loss.value,
                                       flip.result.loss.given_up, flip.kept});
    }
  }
  void add_pattern(std::int64_t side, const std::string& method, const ScoredPattern& scored,
                   const std::string& retention) {
    outcome_.record.patterns.push_back(
        {side, method, scored.pattern.letters(), retention, scored.loss.value});
  }

  SearchOutcome finish() {
    for (std::size_t side = 0; side < sides_.size(); ++side) {
      const auto& texts = side == 0 ? setup_.texts : setup_.second_texts;
      outcome_.work.push_back(sides_[side].work(std::ssize(texts)));
    }
    const auto num_full = [](const LayerPattern& pattern) { return double(pattern.num_full()); };
    for (const CostedPattern& costed : pareto_front(sides_.front().known(), num_full)) {
      outcome_.front.push_back(
          {0, "", costed.scored.pattern.letters(), "", costed.scored.loss.value});
    }
    const auto order = [](const SearchedFlip& flip) {
      return std::tie(flip.calibration, flip.method, flip.step, flip.position);
    };
    std::sort(outcome_.record.flips.begin(), outcome_.record.flips.end(),
              [&](const auto& a, const auto& b) { return order(a) < order(b); });
    return std::move(outcome_);
  }

  const SearchSetup& setup_;
  std::int64_t num_layers_;
  std::deque<CalibrationSide> sides_;
  SearchOutcome outcome_;
};

}  // namespace

SearchOutcome search_patterns(const SearchSetup& setup) { return SearchRun(setup).run(); }

}  // namespace dsabench
