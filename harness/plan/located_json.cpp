#include "harness/plan/located_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "engine/model/strict_json.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

using nlohmann::json;

/// "3:17" of a byte.
std::string line_and_column(std::string_view text, std::size_t offset) {
  offset = std::min(offset, text.size());
  const std::string_view before = text.substr(0, offset);
  const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1: the first line
  return fmt::format("{}:{}", std::count(before.begin(), before.end(), '\n') + 1,
                     offset - line_begin + 1);
}

/// Reads the text and tells how much of it was taken.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** furthest) : at_(at), furthest_(furthest) {}
  const char& operator*() const { return *at_; }
  CountingIterator& operator++() {
    *furthest_ = ++at_;
    return *this;
  }
  CountingIterator operator++(int) {
    const CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** furthest_;
};

/// Notes where every value begins: the first byte after the token before it that is no blank, comma
/// or colon. Refuses what the parser lets through.
class PlaceFinder final : public json::json_sax_t {
 public:
  PlaceFinder(const std::string& file, std::string_view text,
              std::map<std::string, std::size_t>& offsets)
      : file_(file), text_(text), taken_(text.data()), offsets_(offsets) {}

  const char** taken() { return &taken_; }

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(std::size_t) override { return open(false); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(true); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    const std::size_t begin = next_token();
    if (!levels_.back().keys.insert(name).second) {
      fail(begin, fmt::format("key given twice: {}", json_excerpt(json(name))));
    }
    levels_.back().key = name;
    end_token();
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const json::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error while ..."
    std::string message = error.what();
    for (const std::string_view skipped : {"] ", ": "}) {
      const std::size_t at = message.find(skipped);
      if (at != std::string::npos) message.erase(0, at + skipped.size());
    }
    const auto consumed = static_cast<std::size_t>(taken_ - text_.data());
    fail(consumed == 0 ? 0 : consumed - 1, message);
  }

 private:
  struct Level {
    bool array = false;
    std::size_t index = 0;
    std::string key = {};
    std::set<std::string> keys = {};
  };

  [[noreturn]] void fail(std::size_t offset, const std::string& message) const {
    throw ParseError(fmt::format("{}:{}", file_, line_and_column(text_, offset)), message);
  }
  std::size_t next_token() const {
    return std::min(text_.find_first_not_of(" \t\r\n,:", token_end_), text_.size());
  }
  void end_token() { token_end_ = static_cast<std::size_t>(taken_ - text_.data()); }
  std::string pointer() const {
    std::string text;
    for (const Level& level : levels_) {
      text += level.array ? fmt::format("/{}", level.index) : pointer_step(level.key);
    }
    return text;
  }
  bool value() {
    offsets_[pointer()] = next_token();
    end_token();
    next_element();
    return true;
  }
  bool open(bool array) {
    const std::size_t begin = next_token();
    if (levels_.size() >= static_cast<std::size_t>(kMaxJsonDepth)) {
      fail(begin, fmt::format("JSON nested deeper than {}", kMaxJsonDepth));
    }
    offsets_[pointer()] = begin;
    levels_.push_back({.array = array});
    end_token();
    return true;
  }
  bool close() {
    levels_.pop_back();
    end_token();
    next_element();
    return true;
  }
  void next_element() {
    if (!levels_.empty() && levels_.back().array) ++levels_.back().index;
  }

  const std::string& file_;
  std::string_view text_;
  const char* taken_;
  std::size_t token_end_ = 0;
  std::map<std::string, std::size_t>& offsets_;
  std::vector<Level> levels_;
};

}  // namespace

std::string pointer_step(std::string_view key) {
  std::string step = "/";
  for (const char c : key) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

LocatedJson::LocatedJson(std::string file, std::string_view text)
    : file_(std::move(file)), text_(text) {
  // Of the copy: the places are bytes of it.
  PlaceFinder finder(file_, text_, offsets_);
  json::sax_parse(CountingIterator(text_.data(), finder.taken()),
                  CountingIterator(text_.data() + text_.size(), finder.taken()), &finder);
  root_ = std::make_unique<json>(json::parse(text_));
}

LocatedJson::~LocatedJson() = default;
LocatedJson::LocatedJson(LocatedJson&&) noexcept = default;

std::string LocatedJson::where(const std::string& pointer) const {
  const auto found = offsets_.find(pointer);
  if (found == offsets_.end()) return file_;
  const std::string place = fmt::format("{}:{}", file_, line_and_column(text_, found->second));
  return pointer.empty() ? place : fmt::format("{}: {}", place, pointer);
}

}  // namespace dsabench
