#pragma once
/// What tests of files need: a folder that goes away, messages of expected errors, child processes.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "kernels/base/error.h"
#include "tests/support/catch.h"

namespace dsabench::test {

/// A new folder under the system's temporary folder, removed with all in it.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "dsabench-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void write_text(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  REQUIRE(file);
}

/// The message of the `Expected` error that `call` throws; empty where it throws none.
template <class Expected, class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const Expected& error) {
    return error.what();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Starts a child that runs `body` and exits 0, or 1 where it throws (printing why) or returns
/// false. No Catch macro may be used inside.
template <class Body>
pid_t start_child(Body&& body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child != 0) return child;
  int status = 1;
  try {
    status = body() ? 0 : 1;
  } catch (const std::exception& error) {
    const std::string line = std::string("child: ") + error.what() + "\n";
    if (write(STDERR_FILENO, line.data(), line.size()) < 0) status = 1;
  }
  _exit(status);
}

/// The wait status of a child.
inline int wait_for(pid_t child) {
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

template <class Body>
bool succeeds_in_child(Body&& body) {
  return wait_for(start_child(body)) == 0;
}

}  // namespace dsabench::test
