#pragma once
/// What tests of files need.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/catch.h"

namespace dsabench::test {

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

/// A new folder under the system's temporary folder, removed with all in it.
class ScratchFolder {
 public:
  ScratchFolder() {
    const std::string unique(6, 'X');  // which mkdtemp replaces
    std::string name = (std::filesystem::temp_directory_path() / ("dsabench-" + unique)).string();
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
  /// Returns the new file's path.
  std::string write(const std::string& name, const std::string& text) const {
    write_text(*this / name, text);
    return *this / name;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace dsabench::test
