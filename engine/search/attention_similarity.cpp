#include "engine/search/attention_similarity.h"

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <utility>

#include "engine/pass_in_pieces.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// Takes the attention outputs of the layer that runs.
class OutputObserver final : public ForwardObserver {
 public:
  void on_forward(std::span<const ForwardRows> /*rows*/, HostView /*embedding*/) override {}
  void on_layer(const LayerTrace& trace) override {
    output_ = host_copy(trace.attention_output.all());
  }
  void on_final_norm(HostView /*final_norm*/) override {}
  Tensor take() { return std::move(output_); }

 private:
  Tensor output_;
};

double cosine(const float* a, const float* b, std::int64_t size) {
  double both = 0.0, only_a = 0.0, only_b = 0.0;
  for (std::int64_t i = 0; i < size; ++i) {
    both += double(a[i]) * double(b[i]);
    only_a += double(a[i]) * double(a[i]);
    only_b += double(b[i]) * double(b[i]);
  }
  if (only_a == 0.0 && only_b == 0.0) return 1.0;
  if (only_a == 0.0 || only_b == 0.0) return 0.0;
  return both / std::sqrt(only_a * only_b);
}

/// Sum of the cosines of rows [first, rows).
double sum_of_cosines(const Tensor& a, const Tensor& b, std::int64_t first) {
  double sum = 0.0;
  for (std::int64_t row = first; row < a.dim(0); ++row) {
    sum += cosine(a.view().row<float>(row), b.view().row<float>(row), a.dim(1));
  }
  return sum;
}

/// All Full but for one layer.
LayerPattern shared_at(std::int64_t num_layers, std::int64_t layer) {
  std::string letters(std::size_t(num_layers), 'F');
  letters[std::size_t(layer)] = 'S';
  return LayerPattern::from_letters(letters);
}

/// Adds a text's sums of cosines.
void add_text(PassInPieces& pass, std::int64_t layers, std::int64_t first,
              std::vector<double>& sums) {
  const LayerPattern full = LayerPattern::all_full(layers);
  std::vector<PassInPieces::Place> after;  // with the indices of layer l at [l]
  OutputObserver observer;
  pass.run(full, 1);
  after.push_back(pass.place());
  for (std::int64_t layer = 1; layer < layers; ++layer) {
    pass.run(full, layer + 1, &observer);
    const Tensor own = observer.take();
    const LayerPattern shared = shared_at(layers, layer);
    for (std::int64_t source = 0; source < layer; ++source) {
      pass.return_to(after.back());
      pass.take_indices(after[std::size_t(source)]);
      pass.run(shared, layer + 1, &observer);
      sums[std::size_t(source * layers + layer)] += sum_of_cosines(observer.take(), own, first);
    }
    // The layer's caches do not depend on its indices, but a place holds from the run it was made
    // in: so once more as it is.
    pass.return_to(after.back());
    pass.run(full, layer + 1);
    after.push_back(pass.place());
  }
}

}  // namespace

std::vector<double> attention_similarity(Engine& engine, std::span<const CalibrationText> texts,
                                         const std::function<void(std::int64_t text)>& on_text) {
  const std::int64_t layers = engine.config().num_layers, first = engine.config().index_top_k;
  std::vector<double> sums(std::size_t(layers * layers), 0.0);
  std::int64_t rows = 0, number = 0;
  for (const CalibrationText& text : texts) {
    if (on_text) on_text(number++);
    const std::int64_t counted = std::ssize(text.tokens) - first;
    if (counted < 1) continue;
    struct OneSequence {
      Engine& engine;
      std::int64_t id;
      ~OneSequence() { engine.remove_sequence(id); }
    } sequence{engine, engine.add_sequence(std::ssize(text.tokens))};
    const SequenceTokens entry{sequence.id, text.tokens};
    PassInPieces pass = engine.begin_pass({&entry, 1});
    add_text(pass, layers, first, sums);
    rows += counted;
  }
  if (rows == 0) {
    throw InvalidArgument(
        fmt::format("similarity: no text is longer than the {} keys that {} selects", first,
                    engine.config().name));
  }
  for (std::int64_t a = 0; a < layers; ++a) {
    for (std::int64_t b = 0; b < layers; ++b) {
      double& value = sums[std::size_t(a * layers + b)];
      value = a < b ? value / double(rows) : 1.0;
    }
  }
  return sums;
}

}  // namespace dsabench
