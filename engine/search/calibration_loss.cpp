#include "engine/search/calibration_loss.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/pass_in_pieces.h"
#include "kernels/base/error.h"

namespace dsabench {

double cross_entropy(std::span<const float> logits, std::int32_t target) {
  double most = logits.front();
  for (const float logit : logits) {
    if (std::isnan(logit)) return logit;
    most = std::max(most, double(logit));
  }
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(double(logit) - most);
  return std::max(0.0, std::log(sum) + most - double(logits[std::size_t(target)]));
}

/// A pattern under evaluation.
struct CalibrationLoss::Candidate {
  const LayerPattern& pattern;
  double sum = 0.0;  ///< of the answer tokens so far
};

/// Texts that go through the model together.
struct CalibrationLoss::Batch {
  PassInPieces pass;
  std::vector<std::int32_t> targets;  ///< the answers' tokens, text by text
  Tensor logits;                      ///< [targets, vocab]
  std::vector<TensorView> of_texts;
};

CalibrationLoss::CalibrationLoss(Engine& engine, std::vector<CalibrationText> texts,
                                 Options options)
    : engine_(engine), texts_(std::move(texts)), options_(std::move(options)) {
  if (texts_.empty()) throw InvalidArgument("calibration: no texts");
  std::size_t begin = 0;
  std::int64_t tokens = 0;
  const std::span<const CalibrationText> all(texts_);
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    const std::int64_t size = std::ssize(texts_[i].tokens);
    if (texts_[i].num_answer < 1 || texts_[i].num_answer >= size) {
      throw InvalidArgument(fmt::format("calibration: text {} of {} tokens has an answer of {}", i,
                                        size, texts_[i].num_answer));
    }
    if (i > begin && tokens + size > options_.pass_tokens) {
      batches_.push_back(all.subspan(begin, i - begin));
      begin = i;
      tokens = 0;
    }
    tokens += size;
    num_answer_tokens_ += texts_[i].num_answer;
  }
  batches_.push_back(all.subspan(begin));
}

std::vector<PatternLoss> CalibrationLoss::losses(std::span<const LayerPattern> patterns,
                                                 double limit) {
  std::vector<Candidate> candidates;
  for (const LayerPattern& pattern : patterns) {
    if (pattern.num_layers() != engine_.config().num_layers) {
      throw InvalidArgument(fmt::format("calibration: pattern {} has {} letters, {} has {} layers",
                                        pattern.letters(), pattern.num_layers(),
                                        engine_.config().name, engine_.config().num_layers));
    }
    candidates.push_back({pattern});
  }
  const auto mean = [&](const Candidate& candidate) {
    return candidate.sum / double(num_answer_tokens_);
  };
  std::vector<Candidate*> active;
  for (Candidate& candidate : candidates) active.push_back(&candidate);
  std::int64_t begun = 0;
  std::vector<PatternLoss> losses(patterns.size());
  for (const std::span<const CalibrationText> texts : batches_) {
    // What is missing adds nothing negative, and rounding keeps the order of sums.
    std::erase_if(active, [&](const Candidate* candidate) {
      const bool given_up = mean(*candidate) > limit;
      if (given_up) losses[std::size_t(candidate - candidates.data())].given_up = true;
      return given_up;
    });
    if (active.empty()) break;
    if (options_.on_pass) options_.on_pass(begun++, std::ssize(batches_));
    run_batch(texts, active);
  }
  for (std::size_t i = 0; i < losses.size(); ++i) {
    losses[i].value = mean(candidates[i]);
    work_.given_up += losses[i].given_up ? 1 : 0;
  }
  work_.patterns += std::ssize(patterns);
  work_.layers_plain += std::ssize(patterns) * std::ssize(batches_) * engine_.config().num_layers;
  return losses;
}

void CalibrationLoss::run_batch(std::span<const CalibrationText> texts,
                                std::span<Candidate*> candidates) {
  struct Sequences {
    Engine& engine;
    std::vector<std::int64_t> ids;
    ~Sequences() {
      for (const std::int64_t id : ids) engine.remove_sequence(id);
    }
  } sequences{engine_, {}};
  std::vector<SequenceTokens> entries;
  std::vector<std::int32_t> targets;
  for (const CalibrationText& text : texts) {
    const std::span<const std::int32_t> tokens(text.tokens);
    const auto answer = tokens.last(std::size_t(text.num_answer));
    targets.insert(targets.end(), answer.begin(), answer.end());
    // The last token predicts nothing.
    const auto read = tokens.first(tokens.size() - 1);
    sequences.ids.push_back(engine_.add_sequence(std::ssize(read)));
    entries.push_back({sequences.ids.back(), read});
  }
  Tensor logits(DType::f32, {std::ssize(targets), engine_.config().vocab_size});
  std::vector<TensorView> of_texts;
  std::int64_t row = 0;
  for (const CalibrationText& text : texts) {
    of_texts.push_back(logits.view().rows(row, text.num_answer));
    row += text.num_answer;
  }
  Batch batch{engine_.begin_pass(entries), std::move(targets), std::move(logits),
              std::move(of_texts)};
  walk(batch, candidates);
}

/// Runs the layers that are left under every candidate's pattern, from a place up to which they
/// agree. The smaller side of a fork goes first: so the places kept at once are few, at most the
/// logarithm of the number of candidates.
void CalibrationLoss::walk(Batch& batch, std::span<Candidate*> candidates) {
  const LayerPattern& pattern = candidates.front()->pattern;
  const std::int64_t begin = batch.pass.layer(), layers = pattern.num_layers();
  std::int64_t fork = begin;
  const auto agrees = [&](const Candidate* candidate) {
    return candidate->pattern.is_full(fork) == pattern.is_full(fork);
  };
  while (fork < layers && std::all_of(candidates.begin(), candidates.end(), agrees)) ++fork;
  batch.pass.run(pattern, fork);
  work_.layers_run += fork - begin;
  if (fork == layers) {
    const double loss = answer_loss(batch);
    for (Candidate* candidate : candidates) candidate->sum += loss;
    return;
  }
  const auto middle = std::stable_partition(candidates.begin(), candidates.end(), agrees);
  std::span<Candidate*> first(candidates.begin(), middle), second(middle, candidates.end());
  if (second.size() < first.size()) std::swap(first, second);
  {
    const PassInPieces::Place place = batch.pass.place();
    walk(batch, first);
    batch.pass.return_to(place);
  }
  walk(batch, second);
}

double CalibrationLoss::answer_loss(Batch& batch) const {
  batch.pass.logits(batch.of_texts);
  const auto vocab = std::size_t(engine_.config().vocab_size);
  double sum = 0.0;
  for (std::size_t i = 0; i < batch.targets.size(); ++i) {
    const float* row = batch.logits.view().row<float>(std::int64_t(i));
    sum += cross_entropy({row, vocab}, batch.targets[i]);
  }
  return sum;
}

}  // namespace dsabench
