#pragma once
#include <functional>
#include <iosfwd>
#include <string>

namespace dsabench {

/// A file that is replaced as a whole: written beside it and renamed, so that a full disk leaves
/// what was there. What is no regular file (a pipe, /dev/stdout) is written as it is.
class StagedFile {
 public:
  /// Throws IoError, naming `option`, where the file cannot be written: now and not after the work.
  explicit StagedFile(std::string path, const std::string& option = "--output");
  /// Throws StoreError where the disk does not take it; the file is then as it was.
  void write(const std::function<void(std::ostream&)>& content) const;

 private:
  std::string path_;
};

}  // namespace dsabench
