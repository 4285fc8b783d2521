#include "tests/report_page/browser.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <stdexcept>

namespace dsabench::test {
namespace {

using nlohmann::json;

constexpr int kTimeoutMs = 60'000;

struct Pipe {
  int read_end = -1, write_end = -1;
};

/// Its ends are above the numbers that the browser expects, so that nothing is overwritten.
Pipe open_pipe() {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  Pipe made;
  made.read_end = fcntl(ends[0], F_DUPFD_CLOEXEC, 10);
  made.write_end = fcntl(ends[1], F_DUPFD_CLOEXEC, 10);
  close(ends[0]);
  close(ends[1]);
  if (made.read_end < 0 || made.write_end < 0) throw std::runtime_error("no pipe");
  return made;
}

/// In the child: the browser reads 3 and writes 4. No sandbox: root has none, and the page is ours.
[[noreturn]] void become_browser(const std::string& program, const std::string& profile,
                                 int read_end, int write_end) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int nowhere = open("/dev/null", O_RDWR);
  for (const int stream : {0, 1, 2}) dup2(nowhere, stream);
  dup2(read_end, 3);
  dup2(write_end, 4);
  const std::string folder = "--user-data-dir=" + profile;
  execl(program.c_str(), program.c_str(), "--headless", "--no-sandbox", "--disable-gpu",
        "--disable-dev-shm-usage", "--remote-debugging-pipe", "--no-first-run",
        "--disable-extensions", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND", "--hide-scrollbars",
        "--window-size=1400,1000", folder.c_str(), "about:blank", static_cast<char*>(nullptr));
  _exit(127);
}

}  // namespace

std::string find_chromium() {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    for (const char* name : {"chromium", "chromium-headless-shell", "google-chrome"}) {
      const std::string file = folder + "/" + name;
      if (access(file.c_str(), X_OK) == 0) return file;
    }
  }
  return "";
}

Browser::Browser() {
  const std::string program = find_chromium();
  const Pipe down = open_pipe(), up = open_pipe();
  const std::string profile = profile_.path();
  process_ = fork();
  if (process_ < 0) throw std::runtime_error("no process");
  if (process_ == 0) become_browser(program, profile, down.read_end, up.write_end);
  close(down.read_end);
  close(up.write_end);
  to_browser_ = down.write_end;
  from_browser_ = up.read_end;
}

Browser::~Browser() {
  close(to_browser_);
  close(from_browser_);
  kill(process_, SIGKILL);
  int status = 0;
  waitpid(process_, &status, 0);
}

json Browser::read_message() {
  for (;;) {
    const std::size_t end = buffer_.find('\0');
    if (end != std::string::npos) {
      json message = json::parse(buffer_.substr(0, end));
      buffer_.erase(0, end + 1);
      return message;
    }
    pollfd ready{from_browser_, POLLIN, 0};
    if (poll(&ready, 1, kTimeoutMs) <= 0) throw std::runtime_error("Chromium does not answer");
    std::array<char, 65536> bytes{};
    const ssize_t count = read(from_browser_, bytes.data(), bytes.size());
    if (count <= 0) throw std::runtime_error("Chromium has ended");
    buffer_.append(bytes.data(), static_cast<std::size_t>(count));
  }
}

json Browser::call(const std::string& method, const json& params, const std::string& session) {
  json message = {{"id", next_id_++}, {"method", method}, {"params", params}};
  if (!session.empty()) message["sessionId"] = session;
  const std::string text = message.dump() + '\0';
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t count = write(to_browser_, text.data() + sent, text.size() - sent);
    if (count <= 0) throw std::runtime_error("Chromium has ended");
    sent += static_cast<std::size_t>(count);
  }
  for (;;) {
    json answer = read_message();
    if (answer.value("id", std::int64_t{0}) != message["id"]) {
      events_.push_back(std::move(answer));
      continue;
    }
    if (answer.contains("error")) {
      throw std::runtime_error(method + ": " + answer["error"].dump());
    }
    return answer.at("result");
  }
}

json Browser::wait_for_event(const std::string& method) {
  for (;;) {
    while (num_waited_ < events_.size()) {
      const json& event = events_[num_waited_++];
      if (event.value("method", "") == method) return event;
    }
    events_.push_back(read_message());
  }
}

Page::Page(Browser& browser, const std::string& file) : browser_(browser), url_("file://" + file) {
  const json target = browser.call("Target.createTarget", {{"url", "about:blank"}});
  session_ =
      browser
          .call("Target.attachToTarget", {{"targetId", target.at("targetId")}, {"flatten", true}})
          .at("sessionId");
  for (const char* domain : {"Runtime", "Log", "Network", "Page", "Accessibility", "DOM"}) {
    call(std::string(domain) + ".enable");
  }
  call("Page.navigate", {{"url", url_}});
  evaluate(R"(new Promise((done, fail) => {
    const started = Date.now();
    const look = () => {
      if (location.href !== 'about:blank' && document.documentElement?.dataset.ready) done(true);
      else if (Date.now() - started > 30000) fail(new Error('the page is not ready'));
      else setTimeout(look, 20);
    };
    look();
  }))");
}

json Page::call(const std::string& method, const json& params) {
  return browser_.call(method, params, session_);
}

json Page::evaluate(const std::string& expression) {
  for (int attempt = 0;; ++attempt) {
    json result;
    try {
      result = call("Runtime.evaluate", {{"expression", expression},
                                         {"returnByValue", true},
                                         {"awaitPromise", true},
                                         {"userGesture", true}});
    } catch (const std::runtime_error& error) {
      // The page that it waited in went away when the one to be looked at came.
      const std::string text = error.what();
      const bool navigated = text.find("navigated") != std::string::npos ||
                             text.find("context was destroyed") != std::string::npos;
      if (!navigated || attempt == 3) throw;
      continue;
    }
    if (result.contains("exceptionDetails")) {
      throw std::runtime_error(result["exceptionDetails"].dump());
    }
    return result.at("result").value("value", json());
  }
}

void Page::press(const std::string& key) {
  const std::string code = key == " " ? "Space" : key;
  json event = {{"key", key},
                {"code", code},
                {"windowsVirtualKeyCode", key == "Tab" ? 9
                                          : key == " " ? 32
                                                       : 13}};
  event["type"] = "keyDown";
  if (key == "Enter") event["text"] = "\r";
  if (key == " ") event["text"] = " ";
  call("Input.dispatchKeyEvent", event);
  event["type"] = "keyUp";
  event.erase("text");
  call("Input.dispatchKeyEvent", event);
}

void Page::click(const std::string& selector) {
  const json middle = evaluate(fmt::format(
      R"((() => {{
        const element = document.querySelector({});
        element.scrollIntoView({{block: 'center', inline: 'center'}});
        const box = element.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
      }})())",
      json(selector).dump()));
  json event = {{"x", middle[0]}, {"y", middle[1]}, {"button", "left"}, {"clickCount", 1}};
  for (const char* type : {"mousePressed", "mouseReleased"}) {
    event["type"] = type;
    call("Input.dispatchMouseEvent", event);
  }
}

std::vector<std::vector<std::string>> Page::table_text(const std::string& name) {
  return evaluate(fmt::format(
      R"([...document.querySelectorAll('table[data-table={}] tbody tr')].map(
           row => [...row.children].map(cell => cell.textContent)))",
      json(name).dump()));
}

std::vector<std::string> Page::other_requests() {
  std::vector<std::string> urls;
  for (const json& event : browser_.events()) {
    if (event.value("method", "") != "Network.requestWillBeSent" ||
        event.value("sessionId", "") != session_) {
      continue;
    }
    const std::string url = event.at("params").at("request").at("url");
    if (url != url_) urls.push_back(url);
  }
  return urls;
}

std::vector<std::string> Page::troubles() {
  evaluate("new Promise(done => setTimeout(done, 50))");  // what is under way gets told
  std::vector<std::string> found;
  for (const json& event : browser_.events()) {
    if (event.value("sessionId", "") != session_) continue;
    const std::string method = event.value("method", "");
    const json& params = event.at("params");
    const bool console = method == "Runtime.consoleAPICalled" &&
                         (params.at("type") == "error" || params.at("type") == "warning" ||
                          params.at("type") == "assert");
    const bool logged = method == "Log.entryAdded" && (params.at("entry").at("level") == "error" ||
                                                       params.at("entry").at("level") == "warning");
    if (console || logged || method == "Runtime.exceptionThrown") found.push_back(params.dump());
  }
  return found;
}

}  // namespace dsabench::test
