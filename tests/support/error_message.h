#pragma once
/// Messages of errors: one matcher for both major versions of Catch2.
#include <string>

namespace dsabench::test {

/// The message of the `Expected` error that `action` throws; empty where it throws none.
template <class Expected, class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const Expected& error) {
    return error.what();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace dsabench::test
