#pragma once
/// A headless Chromium, driven through --remote-debugging-pipe: DevTools messages as JSON over two
/// pipes, each ended by a NUL.
#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/scratch_folder.h"

namespace dsabench::test {

/// Path of a Chromium on this machine; empty where there is none.
std::string find_chromium();

class Browser {
 public:
  /// Starts it with a profile of its own, and no way to any network.
  Browser();
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  /// The result of a method. Throws std::runtime_error for an error, and where it does not answer
  /// within a minute. Events that come meanwhile are kept.
  nlohmann::json call(const std::string& method,
                      const nlohmann::json& params = nlohmann::json::object(),
                      const std::string& session = "");
  /// Waits for an event of this name that has not been returned before, and returns it.
  nlohmann::json wait_for_event(const std::string& method);
  const std::vector<nlohmann::json>& events() const { return events_; }

 private:
  nlohmann::json read_message();

  ScratchFolder profile_;
  pid_t process_ = -1;
  int to_browser_ = -1, from_browser_ = -1;
  std::int64_t next_id_ = 1;
  std::string buffer_;
  std::vector<nlohmann::json> events_;
  std::size_t num_waited_ = 0;  ///< of events_, those before it were looked at
};

/// A page that is open in a tab of its own.
class Page {
 public:
  /// Opens the file and waits until its script is done.
  Page(Browser& browser, const std::string& file);

  /// The value of an expression, which may be a promise. Throws what it throws.
  nlohmann::json evaluate(const std::string& expression);
  nlohmann::json call(const std::string& method,
                      const nlohmann::json& params = nlohmann::json::object());
  /// Presses and releases a key, as a keyboard does: "Enter", "Tab", " ".
  void press(const std::string& key);
  /// Clicks the middle of the first element that matches.
  void click(const std::string& selector);
  /// A table's text, row by row, of the columns shown.
  std::vector<std::vector<std::string>> table_text(const std::string& name);

  /// What the page asked for, other than itself.
  std::vector<std::string> other_requests();
  /// Exceptions, warnings and errors on the console, violations of the page's policy.
  std::vector<std::string> troubles();

 private:
  Browser& browser_;
  std::string url_, session_;
};

}  // namespace dsabench::test
