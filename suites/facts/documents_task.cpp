#include <nlohmann/json.hpp>

#include "suites/facts/task.h"

namespace dsabench::facts {
namespace {

/// doc:, then field: key value for each of `fields` keys, which all documents share. A document is
/// asked for by the value of one field, and answered is the value of another of its fields.
class DocumentsTask final : public Task {
 public:
  explicit DocumentsTask(const nlohmann::json& task) : fields_(task.at("fields")) {}

  RecordRange records() const override { return {2 * document_records(), 128}; }
  double chance(std::int64_t records) const override {
    return 1.0 / static_cast<double>(records / document_records());
  }

  Problem make(const CounterRandom& random, const ProblemSize& size) const override {
    CounterRandom order = random.stream("order");
    Names names(random.stream("names"));
    std::vector<Word> keys(static_cast<std::size_t>(fields_));
    for (Word& key : keys) key = names.draw();

    Problem problem;
    for (std::int64_t document = 0; document < size.records / document_records(); ++document) {
      std::vector<Words> fields;
      for (const Word key : keys) fields.push_back({kField, key, names.draw()});
      order.shuffle(fields);
      problem.statements.push_back({kDoc});
      problem.statements.insert(problem.statements.end(), fields.begin(), fields.end());
      const std::size_t known = order.below(fields.size());
      const std::size_t asked = (known + 1 + order.below(fields.size() - 1)) % fields.size();
      for (std::size_t from = 0; from < fields.size(); ++from) {
        for (std::size_t to = 0; to < fields.size(); ++to) {
          if (from == to) continue;
          (from == known && to == asked ? problem.queries : problem.others)
              .push_back(
                  {{kAskField, fields[from][1], fields[from][2], fields[to][1]}, {fields[to][2]}});
        }
      }
    }
    order.shuffle(problem.queries);
    return problem;
  }

 private:
  std::int64_t document_records() const { return 1 + fields_; }

  std::int64_t fields_;
};

}  // namespace

std::unique_ptr<Task> make_documents_task(const nlohmann::json& task) {
  return std::make_unique<DocumentsTask>(task);
}

}  // namespace dsabench::facts
