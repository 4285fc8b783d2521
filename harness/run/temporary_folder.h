#pragma once
#include <string>

namespace dsabench {

/// A new folder under the system's temporary folder, which goes with all that is in it.
class TemporaryFolder {
 public:
  /// Throws IoError.
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  /// Now: for who ends the process. May be called beside what writes there, from another thread;
  /// throws nothing.
  void remove() const noexcept;

 private:
  std::string path_;
};

}  // namespace dsabench
