#include "suites/facts/renderer.h"

namespace dsabench::facts {
namespace {

class CompactRenderer final : public Renderer {
 public:
  std::string_view opening() const override { return ""; }

  void append(const Words& statement, std::string& text) const override {
    for (const Word word : statement) text += vocabulary()[word] + " ";
  }

  std::span<const std::string> fillings() const override { return fillings_; }

  std::string question(std::string_view, const Words& question) const override {
    std::string text;
    append(question, text);
    text.pop_back();
    return text;
  }

  std::string answer_prefix(std::string_view, const Words&) const override { return ""; }

  std::string answer(const Words& answer) const override {
    std::string text;
    for (const Word word : answer) text += " " + vocabulary()[word];
    return text + " " + vocabulary()[kEnd];
  }

 private:
  std::vector<std::string> fillings_{vocabulary()[kDot] + " "};
};

}  // namespace

std::unique_ptr<Renderer> make_compact_renderer() { return std::make_unique<CompactRenderer>(); }

}  // namespace dsabench::facts
