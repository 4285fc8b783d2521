#pragma once
#include <cstring>
#include <map>
#include <vector>

#include "engine/engine.h"
#include "tests/support/reference_forward.h"

namespace dsabench::test {

/// Keeps what passes of an engine made, by sequence and position, over any number of passes.
class ForwardRecorder : public ForwardObserver {
 public:
  using Rows = std::vector<std::vector<float>>;
  struct Layer {
    Rows attention_input, q_latent_norm, attention_output, hidden;  ///< [position][...]
    std::vector<float> margins;  ///< [position]; empty on Shared layers
    bool is_full = false;
  };
  struct Sequence {
    Rows embedding, final_norm;
    std::vector<Layer> layers;
    Choices index_sets, experts;  ///< [layer][position]; sets without the -1s
  };

  void on_forward(std::span<const ForwardRows> rows, HostView embedding) override {
    rows_.assign(rows.begin(), rows.end());
    append(embedding, [](Sequence& s) -> Rows& { return s.embedding; });
  }

  void on_layer(const LayerTrace& trace) override {
    const auto l = static_cast<std::size_t>(trace.layer);
    for (const ForwardRows& rows : rows_) {
      Sequence& sequence = sequences_[rows.sequence];
      if (sequence.layers.size() <= l) {
        sequence.layers.resize(l + 1);
        sequence.index_sets.resize(l + 1);
        sequence.experts.resize(l + 1);
      }
      sequence.layers[l].is_full = trace.is_full;
      for (std::int64_t row = rows.row_begin; row < rows.row_begin + rows.num_rows; ++row) {
        sequence.index_sets[l].push_back(list(trace.indices, row));
        sequence.experts[l].push_back(list(trace.experts, row));
        if (!trace.margins.empty()) {
          sequence.layers[l].margins.push_back(trace.margins.all().data<float>()[row]);
        }
      }
    }
    append(trace.attention_input,
           [l](Sequence& s) -> Rows& { return s.layers[l].attention_input; });
    append(trace.q_latent_norm, [l](Sequence& s) -> Rows& { return s.layers[l].q_latent_norm; });
    append(trace.attention_output,
           [l](Sequence& s) -> Rows& { return s.layers[l].attention_output; });
    append(trace.hidden, [l](Sequence& s) -> Rows& { return s.layers[l].hidden; });
  }

  void on_final_norm(HostView final_norm) override {
    append(final_norm, [](Sequence& s) -> Rows& { return s.final_norm; });
  }

  const Sequence& at(std::int64_t sequence) const { return sequences_.at(sequence); }

 private:
  static std::vector<std::int32_t> list(const HostView& view, std::int64_t row) {
    std::vector<std::int32_t> values;
    if (view.empty()) return values;
    const auto* data = view.row<std::int32_t>(row);
    for (std::int64_t i = 0; i < view.dim(1); ++i) {
      if (data[i] != -1) values.push_back(data[i]);
    }
    return values;
  }

  template <class Member>
  void append(const HostView& view, Member member) {
    for (const ForwardRows& rows : rows_) {
      Rows& to = member(sequences_[rows.sequence]);
      for (std::int64_t row = rows.row_begin; row < rows.row_begin + rows.num_rows; ++row) {
        const float* data = view.row<float>(row);
        to.emplace_back(data, data + view.dim(1));
      }
    }
  }

  std::vector<ForwardRows> rows_;
  std::map<std::int64_t, Sequence> sequences_;
};

}  // namespace dsabench::test
