#include "results/located_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

using nlohmann::json;

std::vector<std::size_t> find_lines(std::string_view text) {
  std::vector<std::size_t> begins{0};
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') begins.push_back(i + 1);
  }
  return begins;
}

/// "3:17" of a byte.
std::string line_and_column(const std::vector<std::size_t>& line_begins, std::size_t offset) {
  const auto next = std::upper_bound(line_begins.begin(), line_begins.end(), offset);
  return fmt::format("{}:{}", next - line_begins.begin(), offset - *std::prev(next) + 1);
}

/// The first step of a pointer, unescaped; the pointer goes on behind it.
std::string take_step(std::string_view& pointer) {
  pointer.remove_prefix(1);
  const std::size_t end = std::min(pointer.find('/'), pointer.size());
  std::string step;
  for (std::size_t i = 0; i < end; ++i) {
    if (pointer[i] == '~' && i + 1 < end) {
      step += pointer[++i] == '0' ? '~' : '/';
    } else {
      step += pointer[i];
    }
  }
  pointer.remove_prefix(end);
  return step;
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

}  // namespace

struct LocatedJson::Place {
  struct Parts;
  std::size_t offset = 0;
  std::unique_ptr<Parts> parts;  ///< of arrays and objects: most values have none

  const Place* part(const std::string& step) const;
};

struct LocatedJson::Place::Parts {
  std::vector<Place> elements;
  std::map<std::string, Place> members;
};

const LocatedJson::Place* LocatedJson::Place::part(const std::string& step) const {
  if (!parts) return nullptr;
  const auto member = parts->members.find(step);
  if (member != parts->members.end()) return &member->second;
  std::size_t index = 0;
  const char* end = step.data() + step.size();
  const auto [rest, error] = std::from_chars(step.data(), end, index);
  if (error != std::errc{} || rest != end || index >= parts->elements.size()) return nullptr;
  return &parts->elements[index];
}

/// Notes where every value begins: the first byte after the token before it that is no blank, comma
/// or colon. Refuses what the parser lets through.
class LocatedJson::PlaceFinder final : public json::json_sax_t {
 public:
  PlaceFinder(const LocatedJson& document, std::string_view text, Place& root)
      : document_(document), text_(text), taken_(text.data()), root_(root) {}

  const char** taken() { return &taken_; }

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    const std::size_t begin = next_token();
    const auto [member, is_new] = open_.back()->parts->members.try_emplace(name);
    if (!is_new) fail(begin, fmt::format("key given twice: {}", LocatedJson::excerpt(json(name))));
    member_ = &member->second;
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
  [[noreturn]] void fail(std::size_t offset, const std::string& message) const {
    throw ParseError(
        fmt::format("{}:{}", document_.file_, line_and_column(document_.line_begins_, offset)),
        message);
  }
  std::size_t next_token() const {
    return std::min(text_.find_first_not_of(" \t\r\n,:", token_end_), text_.size());
  }
  void end_token() { token_end_ = static_cast<std::size_t>(taken_ - text_.data()); }
  /// That of the value which begins now: a key has named it, or it is an array's next.
  Place& new_place() {
    Place* place = std::exchange(member_, nullptr);
    if (place == nullptr && !open_.empty()) place = &open_.back()->parts->elements.emplace_back();
    if (place == nullptr) place = &root_;
    place->offset = next_token();
    return *place;
  }
  bool value() {
    new_place();
    end_token();
    return true;
  }
  bool open() {
    if (open_.size() >= static_cast<std::size_t>(LocatedJson::kMaxDepth)) {
      fail(next_token(), fmt::format("JSON nested deeper than {}", LocatedJson::kMaxDepth));
    }
    Place& place = new_place();
    place.parts = std::make_unique<Place::Parts>();
    open_.push_back(&place);
    end_token();
    return true;
  }
  bool close() {
    open_.pop_back();
    end_token();
    return true;
  }

  const LocatedJson& document_;
  std::string_view text_;
  const char* taken_;
  std::size_t token_end_ = 0;
  Place& root_;
  Place* member_ = nullptr;   ///< of the key that was read last
  std::vector<Place*> open_;  ///< arrays and objects around; only the last one grows
};

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
    : file_(std::move(file)), line_begins_(find_lines(text)), places_(std::make_unique<Place>()) {
  PlaceFinder finder(*this, text, *places_);
  json::sax_parse(CountingIterator(text.data(), finder.taken()),
                  CountingIterator(text.data() + text.size(), finder.taken()), &finder);
  root_ = std::make_unique<json>(json::parse(text));
}

LocatedJson::~LocatedJson() = default;
LocatedJson::LocatedJson(LocatedJson&&) noexcept = default;

std::string LocatedJson::excerpt(const json& value) {
  constexpr std::size_t kLongest = 60;
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > kLongest) text = text.substr(0, kLongest - 3) + "...";
  return text;
}

std::string LocatedJson::where(const std::string& pointer) const {
  const Place* place = places_.get();
  for (std::string_view rest = pointer; place != nullptr && !rest.empty();) {
    place = place->part(take_step(rest));
  }
  if (place == nullptr) return file_;
  const std::string at = fmt::format("{}:{}", file_, line_and_column(line_begins_, place->offset));
  return pointer.empty() ? at : fmt::format("{}: {}", at, pointer);
}

}  // namespace dsabench
