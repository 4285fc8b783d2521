#include <fmt/format.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "kernels/base/error.h"
#include "suites/facts/renderer.h"

namespace dsabench::facts {
namespace {

/// A sentence with holes {0}, {1}, ... for the words behind the marker.
class Sentence {
 public:
  Sentence() = default;
  explicit Sentence(std::string_view text) {
    while (!text.empty()) {
      const std::size_t open = text.find('{');
      pieces_.push_back({std::string(text.substr(0, open)), kNoHole});
      if (open == std::string_view::npos) return;
      pieces_.back().hole = static_cast<std::size_t>(text.at(open + 1) - '0');
      text.remove_prefix(open + 3);
    }
  }

  void append(const Words& words, std::string& text) const {
    for (const Piece& piece : pieces_) {
      text += piece.before;
      if (piece.hole != kNoHole) text += vocabulary()[words[1 + piece.hole]];
    }
  }

 private:
  static constexpr std::size_t kNoHole = std::size_t(-1);
  struct Piece {
    std::string before;
    std::size_t hole;
  };
  std::vector<Piece> pieces_;
};

class TextRenderer final : public Renderer {
 public:
  explicit TextRenderer(const nlohmann::json& suite)
      : opening_(suite.at("opening").get<std::string>() + "\n") {
    const auto& statements = suite.at("statements");
    for (Word form = kNote; form < kAskBox; ++form) {
      statements_[form] = Sentence(statements.at(vocabulary()[form]).get<std::string>() + "\n");
    }
    for (const auto& task : suite.at("tasks")) {
      tasks_[task.at("name")] = {Sentence(task.at("question").get<std::string>()),
                                 Sentence(task.at("answer_prefix").get<std::string>())};
    }
  }

  std::string_view opening() const override { return opening_; }

  void append(const Words& statement, std::string& text) const override {
    statements_[statement[0]].append(statement, text);
  }

  std::span<const std::string> fillings() const override { return fillings_; }

  std::string question(std::string_view task, const Words& question) const override {
    std::string text;
    asking(task).question.append(question, text);
    return text;
  }

  std::string answer_prefix(std::string_view task, const Words& question) const override {
    std::string text;
    asking(task).answer_prefix.append(question, text);
    return text;
  }

  std::string answer(const Words& answer) const override {
    std::string text;
    for (const Word word : answer) text += (text.empty() ? " " : ", ") + vocabulary()[word];
    return text + ".";
  }

 private:
  struct Asking {
    Sentence question, answer_prefix;
  };
  const Asking& asking(std::string_view task) const { return tasks_.find(task)->second; }

  std::string opening_;
  std::vector<std::string> fillings_{". ", "."};
  std::array<Sentence, kAskBox> statements_;
  std::map<std::string, Asking, std::less<>> tasks_;
};

}  // namespace

std::unique_ptr<Renderer> make_text_renderer(const nlohmann::json& suite) {
  return std::make_unique<TextRenderer>(suite);
}

}  // namespace dsabench::facts
